"""A mistyped path of the database creates no folder, whatever the command."""

import pytest

COMMANDS = [
    *(("run", "scan.yaml"), ("history",), ("findings",), ("serve",), ("worker",), ("db", "upgrade")),
    *(("schedule", "add", "nightly", "scan.yaml", "--every", "1h"), ("restore", "runs.zip"), ("status",), ("verify",)),
]


@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(command[:2]) for command in COMMANDS])
def test_no_command_creates_a_folder_for_a_mistyped_database(ask, folder, runbook, command) -> None:
    runbook({"a": {}})
    before = sorted(folder.rglob("*"))
    outcome = ask(*command, "--db", "sqlite:///wavern/history/waivern.db")
    assert outcome.code in (2, 4), outcome
    assert "wavern/history" in outcome.err
    assert sorted(folder.rglob("*")) == before
