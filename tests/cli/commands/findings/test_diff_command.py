"""`waivern diff`, and what `waivern run` says of the run before."""

import json

import pytest

RUNBOOK = """
name: Files
description: for a test
artifacts:
  files: {source: {type: filesystem, properties: {path: ./files}}}
  found: {inputs: files, process: {type: personal_data}}
"""


@pytest.fixture
def scan(ask, folder):
    (folder / "files").mkdir()
    (folder / "files.yaml").write_text(RUNBOOK)

    def scanned(**files: str | None):
        for name, text in files.items():
            path = folder / "files" / f"{name}.txt"
            path.unlink() if text is None else path.write_text(text)
        outcome = ask("run", "files.yaml", "--quiet")
        assert outcome.code == 0
        return outcome.out

    return scanned


def test_a_run_reports_the_changes_since_the_previous_run(scan) -> None:
    assert "Since run" not in scan(a="ann@example.org", b="bo@example.org")
    outcome = scan(a="ann@example.org", b=None, c="cy@example.org")
    assert "1 new, 1 fixed, 1 unchanged" in outcome
    assert "c.txt in ./files: the data changed" in outcome


def test_the_last_two_runs_are_compared_by_name_or_file(ask, scan) -> None:
    scan(a="ann@example.org", b="bo@example.org")
    scan(b="\x00\x01\x02" * 50, c="cy@example.org")
    for named in ("Files", "files.yaml"):
        outcome = ask("diff", named)
        assert (outcome.code, outcome.err) == (0, "")
        assert "1 new, 1 unknown, 1 unchanged" in outcome.out
    assert "b.txt in ./files: not scanned (b.txt: binary" in outcome.out
    content = json.loads(ask("diff", "Files", "--format", "json").out)
    assert content["summary"] == {"new": 1, "reopened": 0, "fixed": 0, "changed": 0, "unknown": 1, "unchanged": 1}
    assert [finding["location"] for finding in content["new"]] == ["c.txt"]
    assert content["unknown"][0]["reason"] == "scope"


def test_what_comes_back_is_reopened(ask, scan) -> None:
    scan(a="ann@example.org")
    scan(a="nothing")
    scan(a="ann@example.org")
    runs = [run["id"] for run in json.loads(ask("history", "--format", "json").out)]
    assert "1 reopened" in ask("diff", "Files").out
    assert "1 fixed" in ask("diff", runs[2], runs[1]).out
    assert "1 unchanged" in ask("diff", runs[2], runs[0]).out


def test_the_json_of_a_run_has_the_changes_since_the_previous_run(ask, scan) -> None:
    scan(a="ann@example.org")
    outcome = json.loads(ask("run", "files.yaml", "--quiet", "--format", "json").out)
    assert outcome["since_last_run"]["unchanged"] == 1
    assert outcome["since_last_run"]["base"] == json.loads(ask("history", "--format", "json").out)[1]["id"]


def test_runs_that_cannot_be_compared_are_an_error(ask, scan, runbook) -> None:
    scan(a="ann@example.org")
    assert "'Files' has one complete run; two are needed" in ask("diff", "Files").err
    alone = ask("diff", "latest")
    assert alone.code == 2
    assert "is a run of 'Files'; two runs are needed" in alone.err
    assert "'Nowhere' has no complete run; two are needed" in ask("diff", "Nowhere").err
    assert "'Other' has no complete run" in ask("diff", "Other").err
    assert "There is no run" in ask("diff", "latest", "nowhere").err
    assert ask("run", runbook({"a": {}}), "--quiet").code == 0
    runs = [run["id"] for run in json.loads(ask("history", "--format", "json").out)]
    outcome = ask("diff", *runs)
    assert outcome.code == 2
    assert "The runs are of different runbooks: 'Test scan' and 'Files'" in outcome.err
