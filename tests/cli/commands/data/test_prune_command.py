"""`waivern prune`, and how the other commands show pruned artifacts."""

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


def test_content_with_retain_none_cannot_be_shown_after_the_run(ask, scan) -> None:
    assert "pruned on" in scan(a="ann@example.org")
    outcome = ask("artifacts", "show", "latest", "files")
    assert outcome.code == 2
    assert "was deleted on" in outcome.err
    assert "(retain: none)" in outcome.err
    assert "ann@example.org" not in outcome.err
    assert ask("artifacts", "show", "latest", "found").code == 0


def test_next_steps_do_not_suggest_pruned_artifacts(ask, scan) -> None:
    scan(a="ann@example.org")
    assert " found" in ask("history", "show", "latest").out.partition("Next steps:")[2]
    assert ask("prune", "--older-than", "0s").code == 0
    assert "artifacts show" not in ask("history", "show", "latest").out.partition("Next steps:")[2]


def test_an_export_names_pruned_artifacts_and_writes_the_others(ask, scan, folder) -> None:
    scan(a="ann@example.org")
    outcome = ask("artifacts", "export", "latest", "--output-dir", "out")
    assert (outcome.code, outcome.out) == (0, "out/found.json\n")
    assert "Skipped 'files': its content was pruned" in outcome.err


def test_history_and_diff_work_on_pruned_runs(ask, scan) -> None:
    scan(a="ann@example.org")
    scan(b="bo@example.org")
    result = json.loads(ask("prune", "--older-than", "0s", "--format", "json").out)
    assert [artifact["artifact_id"] for artifact in result["artifacts"]] == ["found", "found"]
    assert (result["deleted_contents"], result["dry_run"]) == (2, False)
    assert result["freed_bytes"] > 0
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


def test_the_coverage_of_a_pruned_run_is_still_known(ask, scan, folder) -> None:
    scan(a="ann@example.org")
    (folder / "files" / "a.txt").unlink()
    scan(**{f"binary{number}": "\x00\x01\x02" * 50 for number in range(7)})
    before = ask("diff", "Files").out
    assert "1 fixed" in before
    ask("prune", "--older-than", "0s")
    assert ask("diff", "Files").out == before


def test_a_dry_run_shows_what_would_be_pruned_and_prunes_nothing(ask, scan) -> None:
    scan(a="ann@example.org")
    outcome = ask("prune", "--older-than", "0s", "--dry-run")
    assert outcome.code == 0
    assert "Files" in outcome.out
    assert "Would prune 1 artifact and delete 1 content, " in outcome.out
    assert ask("artifacts", "show", "latest", "found").code == 0
    assert ask("prune").out == "Nothing to prune\n"


def test_invalid_options_are_refused(ask, scan) -> None:
    scan(a="nothing")
    assert ask("prune", "--older-than", "soon").code == 2
    assert ask("prune", "--dry-run", "--shrink").code == 2
    outcome = ask("prune", "--runbook", "Flies")
    assert outcome.code == 2
    assert "There is no run of a runbook named 'Flies'" in outcome.err


def test_shrinking_makes_the_file_smaller(ask, scan, folder) -> None:
    scan(**{f"file{number}": f"{number} mail{number}@example.org " * 2000 for number in range(10)})
    before = (folder / ".waivern" / "waivern.db").stat().st_size
    assert ask("prune", "--older-than", "0s", "--shrink").code == 0
    assert (folder / ".waivern" / "waivern.db").stat().st_size < before


def test_pruned_content_is_overwritten_in_the_file(ask, scan, folder) -> None:
    scan(a="ann.of.arden@example.org")
    files = b"".join(path.read_bytes() for path in (folder / ".waivern").iterdir())
    assert b"ann.of.arden" not in files


@pytest.mark.parametrize("word", ["nonee", "-3d", "yes"])
def test_an_invalid_retention_is_reported_with_its_line(ask, folder, word) -> None:
    (folder / "files.yaml").write_text(RUNBOOK.replace("retain: none", f"retain: {word}"))
    outcome = ask("validate", "files.yaml")
    assert outcome.code == 2
    assert "files.yaml:5: artifacts.files.retain: " in outcome.out + outcome.err
