"""`waivern reanalyse`: today's rules, applied to what an earlier run had read."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands.findings.test_diff_command import scan as scan
from tests.cli.commands.findings.test_findings_command import listed as listed
from tests.cli.commands.findings.test_findings_command import statuses
from tests.cli.conftest import Outcome

Ask = Callable[..., Outcome]


@pytest.fixture
def reanalysed(ask: Ask) -> Callable[..., Any]:
    """The reanalysis of a run, as JSON has it."""

    def done(run: str = "latest") -> Any:
        outcome = ask("reanalyse", run, "--quiet", "--format", "json")
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out)

    return done


def runs(ask: Ask) -> list[str]:
    return [run["id"] for run in json.loads(ask("history", "--format", "json").out)]


def shown(ask: Ask, run: str) -> Any:
    return json.loads(ask("history", "show", run, "--format", "json").out)


def in_database(folder: Path, statement: str, values: Sequence[object] = ()) -> None:
    with closing(sqlite3.connect(folder / ".waivern" / "waivern.db")) as connection, connection:
        connection.execute(statement, values)


def test_a_reanalysis_is_a_linked_run_of_its_own_that_reads_no_source(
    ask: Ask, folder: Path, scan: Any, reanalysed: Any
) -> None:
    scan(a="ann@example.org", b="bo@example.org")
    (old,) = runs(ask)
    shutil.rmtree(folder / "files")
    (folder / "files.yaml").unlink()
    new = reanalysed(old)
    assert (new["status"], new["trigger"], new["reanalysis_of"]) == ("succeeded", "reanalysis", old)
    assert new["since_last_run"] == {
        "base": old, "new": 0, "reopened": 0, "fixed": 0, "changed": 0, "unknown": 0, "unchanged": 2,
    }  # fmt: skip
    assert runs(ask) == [new["id"], old]
    digests = [
        [artifact["digest"] for artifact in shown(ask, run)["artifacts"] if artifact["artifact_id"] == "files"]
        for run in runs(ask)
    ]
    assert digests[0] == digests[1] != [None]
    assert shown(ask, old)["reanalysis_of"] is None
    assert f"reanalysis of run {old}" in ask("history", "show", new["id"]).out
    assert json.loads(ask("history", "--trigger", "reanalysis", "--format", "json").out)[0]["id"] == new["id"]
    verified = ask("verify")
    assert verified.code == 0, verified.out + verified.err


RULES = """
name: words
version: 1.0.0
description: for a test
rules:
  - name: {word}
    category: word
    source: a test
    keywords: {{confidence: {{alone: 0.9, with_context: 0.9}}, terms: [{word}]}}
    examples: {{match: [{word}], no_match: [nothing]}}
"""

WITH_OWN_RULES = """
name: Words
description: for a test
gates: [new]
artifacts:
  files: {source: {type: filesystem, properties: {path: ./files}}}
  found:
    inputs: files
    process: {type: personal_data, properties: {pattern_matching: {ruleset: own/words/1.0.0}}}
"""


@pytest.fixture
def rules(folder: Path, odd_components: Path) -> Callable[[str], dict[str, str]]:
    """Let the rules of an installed plug-in look for a word; returns the environment that finds the plug-in."""
    plug_in = folder / "plug_in"
    information = plug_in / "own_rules-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: own-rules\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[waivern.rulesets]\nown = own_rules:FOLDER\n")
    (plug_in / "own_rules.py").write_text(f"FOLDER = {str(plug_in / 'content')!r}\n")
    (plug_in / "content" / "words").mkdir(parents=True)

    def looking_for(word: str) -> dict[str, str]:
        (plug_in / "content" / "words" / "1.0.0.yaml").write_text(RULES.format(word=word))
        return {"PYTHONPATH": f"{plug_in}:{odd_components}"}

    return looking_for


def test_differences_due_to_newer_rules_have_that_reason_and_fail_the_gates(
    ask: Ask, ask_process: Ask, folder: Path, rules: Any, listed: Any
) -> None:
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("a heron and a plover")
    (folder / "words.yaml").write_text(WITH_OWN_RULES)
    assert ask_process("run", "words.yaml", "--quiet", environment=rules("heron")).code == 1
    (old,) = runs(ask)
    before = statuses(listed())
    shutil.rmtree(folder / "files")
    outcome = ask_process("reanalyse", "latest", "--quiet", environment=rules("plover"))
    assert outcome.code == 1, outcome.err
    assert "1 new, 1 fixed" in outcome.out
    assert "the rules changed" in outcome.out
    assert "new: failed, 1 finding" in outcome.out
    new = runs(ask)[0]
    difference = json.loads(ask("diff", old, new, "--format", "json").out)
    assert [change["reason"] for change in (*difference["new"], *difference["fixed"])] == ["rules", "rules"]
    rule_statuses = {finding["rule"] + finding["status"] for finding in listed()}
    assert before == {"a.txt": "new"}
    assert rule_statuses == {"heronnew"}  # as the last scan left it


def test_a_reanalysis_changes_neither_current_findings_nor_later_comparisons(
    ask: Ask, scan: Any, listed: Any, reanalysed: Any
) -> None:
    scan(a="ann@example.org")
    (first,) = runs(ask)
    scan(a=None, b="bo@example.org")
    second = runs(ask)[0]
    before = statuses(listed())
    reanalysed(first)
    assert statuses(listed()) == before == {"a.txt": "fixed", "b.txt": "new"}
    assert json.loads(ask("export", "Files", "--format", "json").out)["run"]["id"] == second
    output = json.loads(ask("run", "files.yaml", "--quiet", "--format", "json").out)
    assert (output["since_last_run"]["base"], output["since_last_run"]["unchanged"]) == (second, 1)


def test_a_reanalysis_of_a_reanalysis_reads_the_original_run(ask: Ask, scan: Any, reanalysed: Any) -> None:
    scan(a="ann@example.org")
    (old,) = runs(ask)
    assert reanalysed(reanalysed(old)["id"])["reanalysis_of"] == old


def test_the_runbook_text_of_the_run_is_used_and_variables_of_sources_are_not_needed(
    ask: Ask, folder: Path, scan: Any, reanalysed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "files.yaml").read_text()
    monkeypatch.setenv("WHERE", "./files")
    (folder / "files.yaml").write_text(text.replace("path: ./files", 'path: "${WHERE}"'))
    scan(a="ann@example.org")
    (folder / "files.yaml").write_text(text.replace("found:", "renamed:"))
    monkeypatch.delenv("WHERE")
    assert [artifact["artifact_id"] for artifact in reanalysed()["artifacts"]] == ["files", "found"]


def test_the_child_runbooks_of_the_run_are_used(ask: Ask, folder: Path, reanalysed: Any) -> None:
    (folder / "main").mkdir()
    (folder / "templates").mkdir()
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("ann@example.org")
    (folder / "templates" / "child.yaml").write_text(
        "name: Child\ndescription: for a test\n"
        "outputs: {texts: {artifact: read}}\n"
        f"artifacts: {{read: {{source: {{type: filesystem, properties: {{path: '{folder}/files'}}}}}}}}\n"
    )
    (folder / "main" / "main.yaml").write_text(
        "name: Main\ndescription: for a test\nconfig: {template_paths: [../templates]}\n"
        "artifacts:\n"
        "  below: {child_runbook: {path: child.yaml, output: texts}}\n"
        "  found: {inputs: below, process: {type: personal_data}}\n"
    )
    outcome = ask("run", "main/main.yaml", "--quiet")
    assert outcome.code == 0, outcome.err
    for gone in ("main", "templates", "files"):
        shutil.rmtree(folder / gone)
    assert reanalysed()["since_last_run"]["unchanged"] == 1


def test_a_run_with_a_pruned_source_is_refused_by_name(ask: Ask, folder: Path, scan: Any) -> None:
    scan(a="ann@example.org")
    (old,) = runs(ask)
    erased = ask("erase", "--artifact", old, "files", "--reason", "request 7", "--yes")
    assert erased.code == 0, erased.err
    refused = ask("reanalyse", old)
    assert refused.code != 0
    assert f"Not all sources of the run {old} can be read again: 'files' was deleted on" in refused.err
    assert "request 7" in refused.err
    assert runs(ask) == [old]
    assert ask("run", "files.yaml", "--quiet").code == 0
    assert ask("prune", "--older-than", "0s").code == 0
    assert "'files' was deleted on" in ask("reanalyse", "latest").err


def test_a_run_with_a_failed_source_is_refused_by_name(ask: Ask, runbook: Any) -> None:
    file = runbook({"good": {"texts": ["ann@example.org"]}, "bad": {"does": "fails"}})
    assert ask("run", file, "--quiet").code == 3
    refused = ask("reanalyse", "latest")
    assert "'bad' did not succeed (failed)" in refused.err
    assert "'good'" not in refused.err


def test_an_optional_source_that_the_run_had_not_read_is_missing_again(
    ask: Ask, runbook: Any, folder: Path, reanalysed: Any
) -> None:
    analysed = {"process": {"type": "personal_data"}}
    file = runbook(
        {
            "good": {"texts": ["ann@example.org"]},
            "bad": {"does": "gives", "texts": ["IBAN DE89 3704 0044 0532 0130 00"], "optional": True},
            "good_found": {"inputs": "good", **analysed},
            "bad_found": {"inputs": "bad", **analysed},
        }
    )
    text = (folder / file).read_text()
    assert ask("run", file, "--quiet").code == 0
    (whole,) = runs(ask)
    (folder / file).write_text(text.replace("does: gives", "does: fails"))
    assert ask("run", file, "--quiet").code == 0
    old = runs(ask)[0]
    new = reanalysed(old)
    states = {
        artifact["artifact_id"]: (artifact["status"], artifact["skipped_because"]) for artifact in new["artifacts"]
    }
    assert states == {
        "good": ("succeeded", None),
        "bad": ("failed", None),
        "good_found": ("succeeded", None),
        "bad_found": ("skipped", "bad"),
    }
    (error,) = [artifact["error"] for artifact in new["artifacts"] if artifact["error"]]
    assert error == f"It was not read by the run {old}: The source is not there"
    since = new["since_last_run"]
    assert (since["base"], since["unchanged"], since["fixed"], since["unknown"]) == (old, 1, 0, 0)
    (unknown,) = json.loads(ask("diff", whole, new["id"], "--format", "json").out)["unknown"]
    assert unknown["because"] == "'bad_found' did not succeed"
    verified = ask("verify")
    assert verified.code == 0, verified.out + verified.err
    same_database = reanalysed(new["id"])
    assert (same_database["reanalysis_of"], same_database["since_last_run"]["unchanged"]) == (old, 1)


def test_a_run_with_a_pruned_optional_source_is_refused(ask: Ask, runbook: Any) -> None:
    file = runbook({"good": {"texts": ["ann@example.org"], "optional": True}})
    assert ask("run", file, "--quiet").code == 0
    assert ask("prune", "--older-than", "0s").code == 0
    refused = ask("reanalyse", "latest")
    assert (refused.code, "'good' was deleted on" in refused.err) == (2, True)


def test_running_and_unknown_runs_are_refused(ask: Ask, folder: Path, scan: Any) -> None:
    scan(a="ann@example.org")
    (old,) = runs(ask)
    in_database(
        folder,
        "update runs set status = 'queued', runbook_digest = null where id = ?",
        (old,),
    )
    assert f"The run {old} is still queued" in ask("reanalyse", old).err
    in_database(folder, "update runs set status = 'failed' where id = ?", (old,))
    assert "was never started" in ask("reanalyse", old).err
    assert ask("reanalyse", "ffff").code == 2


def test_a_reanalysis_cannot_be_resumed(ask: Ask, folder: Path, scan: Any, reanalysed: Any) -> None:
    scan(a="ann@example.org")
    new = reanalysed()["id"]
    in_database(folder, "update runs set status = 'failed' where id = ?", (new,))
    refused = ask("run", "files.yaml", "--resume", new)
    assert (refused.code, "is a reanalysis" in refused.err, "waivern reanalyse" in refused.err) == (2, True, True)
    assert "has succeeded" in ask("run", "files.yaml", "--resume", "latest").err


def test_a_reanalysis_restored_without_the_original_run_can_be_read(ask: Ask, scan: Any, reanalysed: Any) -> None:
    scan(a="ann@example.org")
    (old,) = runs(ask)
    new = reanalysed()["id"]
    assert ask("archive", new, "--output", "one.waivern").code == 0
    other = ("--db", "sqlite:///other.db")
    restored = ask("restore", "one.waivern", *other)
    assert restored.code == 0, restored.err
    output = json.loads(ask("history", "show", new, "--format", "json", *other).out)
    assert output["reanalysis_of"] == old
    exported = ask("export", new, "--format", "json", *other)
    assert exported.code == 0, exported.err
    assert ask("verify", *other).code == 0
    refused = ask("reanalyse", new, *other)
    assert (refused.code, f"'{old}'" in refused.err or old in refused.err) == (2, True)


def test_a_changed_child_runbook_outside_the_folder_is_refused(ask: Ask, folder: Path) -> None:
    child = folder / "templates" / "child.yaml"
    child.parent.mkdir()
    (folder / "files").mkdir()
    child.write_text(
        "name: Child\ndescription: for a test\noutputs: {texts: {artifact: read}}\n"
        f"artifacts: {{read: {{source: {{type: filesystem, properties: {{path: '{folder}/files'}}}}}}}}\n"
    )
    (folder / "main.yaml").write_text(
        f"name: Main\ndescription: for a test\nconfig: {{template_paths: ['{child.parent}']}}\n"
        "artifacts:\n  below: {child_runbook: {path: child.yaml, output: texts}}\n"
    )
    assert ask("run", "main.yaml", "--quiet").code == 0
    (old,) = runs(ask)
    child.write_text(child.read_text() + "# another\n")
    refused = ask("reanalyse", old, "--quiet")
    assert refused.code == 2
    assert f"A child runbook of the run {old} is in a folder that config.template_paths names" in refused.err
    assert runs(ask) == [old]
