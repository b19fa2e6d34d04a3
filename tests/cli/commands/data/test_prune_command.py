"""`waivern prune`, and what the other commands say of what was pruned."""

import json

import pytest

RUNBOOK = """
name: Files
description: for a test
artifacts:
  files: {source: {type: filesystem, properties: {path: ./files}}, retain: none}
  found: {inputs: files, process: {type: personal_data}}
"""


@pytest.fixture
def scan(ask, folder):
    (folder / "files").mkdir()
    (folder / "files.yaml").write_text(RUNBOOK)

    def scanned(**files: str):
        for name, text in files.items():
            (folder / "files" / f"{name}.txt").write_text(text)
        outcome = ask("run", "files.yaml", "--quiet")
        assert outcome.code == 0
        return outcome.out

    return scanned


def test_what_is_kept_for_none_cannot_be_shown_when_the_run_has_ended(ask, scan) -> None:
    assert "pruned on" in scan(a="ann@example.org")
    told = ask("artifacts", "show", "latest", "files")
    assert told.code == 2
    assert "was deleted on" in told.err
    assert "(retain: none)" in told.err
    assert "ann@example.org" not in told.err
    assert ask("artifacts", "show", "latest", "found").code == 0


def test_what_was_pruned_is_not_recommended_to_be_looked_at(ask, scan) -> None:
    scan(a="ann@example.org")
    assert " found" in ask("history", "show", "latest").out.partition("Next steps:")[2]
    assert ask("prune", "--older-than", "0s").code == 0
    assert "artifacts show" not in ask("history", "show", "latest").out.partition("Next steps:")[2]


def test_an_export_names_what_was_pruned_and_writes_the_rest(ask, scan, folder) -> None:
    scan(a="ann@example.org")
    told = ask("artifacts", "export", "latest", "--output-dir", "out")
    assert (told.code, told.out) == (0, "out/found.json\n")
    assert "Left out 'files': what it held was pruned" in told.err


def test_history_and_diff_know_pruned_runs(ask, scan) -> None:
    scan(a="ann@example.org")
    scan(b="bo@example.org")
    told = json.loads(ask("prune", "--older-than", "0s", "--format", "json").out)
    assert [each["artifact_id"] for each in told["messages"]] == ["found", "found"]
    assert (told["contents"], told["dry_run"]) == (2, False)
    assert told["freed_bytes"] > 0
    assert ask("history").code == 0
    assert "found" in ask("history", "show", "latest").out
    artifact = json.loads(ask("artifacts", "list", "latest", "--format", "json").out)[0]
    assert (artifact["retain"], artifact["pruned_because"]) == ("none", "retain: none")
    assert artifact["pruned_at"].endswith("Z")
    compared = json.loads(ask("diff", "Files", "--format", "json").out)
    assert compared["summary"] == {"new": 1, "reopened": 0, "fixed": 0, "changed": 0, "unknown": 0, "unchanged": 1}
    explained = ask("explain", compared["new"][0]["fingerprint"])
    assert explained.code == 2
    assert "was deleted on" in explained.err


def test_of_a_pruned_run_it_is_still_known_what_was_looked_at(ask, scan, folder) -> None:
    scan(a="ann@example.org")
    (folder / "files" / "a.txt").unlink()
    scan(**{f"binary{number}": "\x00\x01\x02" * 50 for number in range(7)})
    before = ask("diff", "Files").out
    assert "1 fixed" in before
    ask("prune", "--older-than", "0s")
    assert ask("diff", "Files").out == before


def test_a_dry_run_says_what_would_go_and_lets_nothing_go(ask, scan) -> None:
    scan(a="ann@example.org")
    told = ask("prune", "--older-than", "0s", "--dry-run")
    assert told.code == 0
    assert "Files" in told.out
    assert "Would let go of 1 message;" in told.out
    assert ask("artifacts", "show", "latest", "found").code == 0
    assert ask("prune").out == "Nothing is due\n"


def test_what_cannot_be_meant_is_refused(ask, scan) -> None:
    scan(a="nothing")
    assert ask("prune", "--older-than", "soon").code == 2
    assert ask("prune", "--dry-run", "--shrink").code == 2
    told = ask("prune", "--runbook", "Flies")
    assert told.code == 2
    assert "There is no run of a runbook named 'Flies'" in told.err


def test_the_room_that_became_free_is_given_back(ask, scan, folder) -> None:
    scan(**{f"file{number}": f"{number} mail{number}@example.org " * 2000 for number in range(10)})
    before = (folder / ".waivern" / "waivern.db").stat().st_size
    assert ask("prune", "--older-than", "0s", "--shrink").code == 0
    assert (folder / ".waivern" / "waivern.db").stat().st_size < before


def test_what_was_let_go_of_stands_nowhere_in_the_file(ask, scan, folder) -> None:
    scan(a="ann.of.arden@example.org")
    kept = b"".join(path.read_bytes() for path in (folder / ".waivern").iterdir())
    assert b"ann.of.arden" not in kept


@pytest.mark.parametrize("word", ["nonee", "-3d", "yes"])
def test_a_retention_that_cannot_be_meant_is_told_with_its_line(ask, folder, word) -> None:
    (folder / "files.yaml").write_text(RUNBOOK.replace("retain: none", f"retain: {word}"))
    told = ask("validate", "files.yaml")
    assert told.code == 2
    assert "files.yaml:5: artifacts.files.retain: " in told.out + told.err
