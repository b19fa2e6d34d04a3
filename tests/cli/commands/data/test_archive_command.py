"""`waivern archive` and `waivern restore`."""

import json
from dataclasses import replace

import pytest

RUNBOOK = """
name: Files
description: for a test
artifacts:
  files: {source: {type: filesystem, properties: {path: ./files}}}
  found: {inputs: files, process: {type: personal_data}}
"""
ELSEWHERE = ("--db", "sqlite:///elsewhere.db")


@pytest.fixture
def scanned(ask, folder) -> list[str]:
    """Two runs, oldest first."""
    (folder / "files").mkdir()
    (folder / "files.yaml").write_text(RUNBOOK)
    for name in ("a", "b"):
        (folder / "files" / f"{name}.txt").write_text(f"{name}@example.org")
        assert ask("run", "files.yaml", "--quiet").code == 0
    return [run["id"] for run in reversed(json.loads(ask("history", "--format", "json").out))]


def test_restored_runs_give_the_same_output_in_the_other_database(ask, scanned, folder) -> None:
    result = ask("archive", *scanned, "--output", "runs.zip")
    assert result.code == 0
    assert "Wrote 2 runs, 4 contents" in result.out
    assert (folder / "runs.zip").stat().st_mode & 0o777 == 0o600
    assert "Restored 2 runs with 4 contents" in ask("restore", "runs.zip", *ELSEWHERE).out
    for question in (
        ("history", "--format", "json"),
        ("artifacts", "show", "latest", "files"),
        ("diff", "Files", "--format", "json"),
        ("artifacts", "list", scanned[0], "--format", "json"),
    ):
        there, here = ask(*question, *ELSEWHERE), ask(*question)
        assert replace(there, out=there.out.replace('"restored": "proven"', '"restored": null')) == here
    again = json.loads(ask("restore", "runs.zip", "--format", "json", *ELSEWHERE).out)
    assert (again["runs"], again["already_present"]) == ([], scanned)


def test_a_new_run_is_compared_with_restored_runs(ask, scanned, folder) -> None:
    ask("archive", *scanned, "--output", "runs.zip")
    ask("restore", "runs.zip", *ELSEWHERE)
    (folder / "files" / "c.txt").write_text("cy@example.org")
    assert "1 new, 2 unchanged" in ask("run", "files.yaml", "--quiet", *ELSEWHERE).out


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("archive", "nowhere", "--output", "x.zip"), "There is no run"),
        (("archive", "latest", "--output", "files.yaml"), "files.yaml exists already"),
        (("archive", "latest", "--output", "no/such/folder/x.zip"), "Cannot write no/such/folder/x.zip"),
        (("restore", "missing.zip"), "There is no file missing.zip"),
        (("restore", "files.yaml"), "it is not a complete zip file"),
    ],
)
def test_errors_name_the_cause(ask, scanned, command, message) -> None:
    result = ask(*command)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err
