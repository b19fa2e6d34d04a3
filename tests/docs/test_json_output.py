"""What `--format json` prints has the keys that are documented, in that order."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import names_in_first_cells, section_of

RUNBOOK = """
name: Documented
description: one artifact
artifacts:
  itself: {source: {type: filesystem, properties: {path: runbook.yaml}}, output: true}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one run is remembered."""
    made = tmp_path_factory.mktemp("documented")
    (made / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    asked(made, "run", "runbook.yaml")
    return made


def asked(folder: Path, *arguments: str) -> Any:
    command = [sys.executable, "-m", "waivern", *arguments, "--format", "json", "--db", "sqlite:///waivern.db"]
    out = subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=60).stdout
    return json.loads(out)


def described(of: str) -> list[str]:
    blocks = section_of("docs/command-line.md", "JSON").split("\n\n")
    return names_in_first_cells(next(block for block in blocks if block.startswith(f"| key of {of} |")))


def test_a_list_of_runs(folder: Path) -> None:
    (run,) = asked(folder, "history")
    assert list(run) == described("a run")
    assert list(run["artifacts"]) == ["total", "succeeded", "failed", "skipped"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", run["created_at"])


def test_one_run(folder: Path) -> None:
    run = asked(folder, "history", "show", "latest")
    assert list(run) == [*described("a run"), *described("one run")]
    assert [list(artifact) for artifact in run["artifacts"]] == [described("an artifact")]
    assert asked(folder, "artifacts", "list", "latest") == run["artifacts"]


def test_a_run_that_has_just_ended(folder: Path) -> None:
    output = asked(folder, "run", "runbook.yaml")
    assert list(output) == [*described("a run"), *described("one run"), "since_last_run", "decisions"]


def test_schedules_and_the_status(folder: Path) -> None:
    added = asked(folder, "schedule", "add", "nightly", "runbook.yaml", "--cron", "0 2 * * *")
    assert list(added) == [*described("a schedule"), *described("one schedule")]
    assert asked(folder, "schedule", "list") == [{key: added[key] for key in described("a schedule")}]
    assert len(asked(folder, "schedule", "next", "nightly")) == 5
    made = asked(folder, "backfill", "nightly", "--from", "2026-11-01", "--to", "2026-11-01")
    assert [list(row) for row in made] == [["due_at", "run_id"]]
    assert list(asked(folder, "cancel", made[0]["run_id"])) == described("a run")
    triggered = asked(folder, "schedule", "trigger", "nightly")
    assert list(triggered) == described("a run")
    asked(folder, "cancel", triggered["id"])
    assert list(asked(folder, "schedule", "pause", "nightly")) == described("a schedule")
    assert list(asked(folder, "status")) == described("the status")
