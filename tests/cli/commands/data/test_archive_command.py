"""`waivern archive` and `waivern restore`."""

import json

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


def test_runs_move_into_another_database_and_answer_there_as_here(ask, scanned, folder) -> None:
    told = ask("archive", *scanned, "--output", "runs.zip")
    assert told.code == 0
    assert "Wrote 2 runs, 4 contents" in told.out
    assert (folder / "runs.zip").stat().st_mode & 0o777 == 0o600
    assert "Restored 2 runs, with 4 contents" in ask("restore", "runs.zip", *ELSEWHERE).out
    for question in (
        ("history", "--format", "json"),
        ("artifacts", "show", "latest", "files"),
        ("diff", "Files", "--format", "json"),
        ("artifacts", "list", scanned[0], "--format", "json"),
    ):
        assert ask(*question, *ELSEWHERE) == ask(*question)
    same_database = json.loads(ask("restore", "runs.zip", "--format", "json", *ELSEWHERE).out)
    assert (same_database["runs"], same_database["there_already"]) == ([], scanned)


def test_a_run_goes_on_being_compared_with_those_that_came_along(ask, scanned, folder) -> None:
    ask("archive", *scanned, "--output", "runs.zip")
    ask("restore", "runs.zip", *ELSEWHERE)
    (folder / "files" / "c.txt").write_text("cy@example.org")
    assert "1 new, 2 unchanged" in ask("run", "files.yaml", "--quiet", *ELSEWHERE).out


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("archive", "nowhere", "--output", "x.zip"), "There is no run"),
        (("archive", "latest", "--output", "files.yaml"), "There is a file files.yaml already"),
        (("archive", "latest", "--output", "no/such/folder/x.zip"), "cannot be written"),
        (("restore", "missing.zip"), "There is no file missing.zip"),
        (("restore", "files.yaml"), "it is no zip file"),
    ],
)
def test_what_cannot_be_done_is_said(ask, scanned, command, says) -> None:
    told = ask(*command)
    assert told.code == 2
    assert says in told.err
    assert "Traceback" not in told.err
