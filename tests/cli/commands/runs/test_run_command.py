"""`waivern run`, from the runbook to what is printed, remembered and written."""

import json
from datetime import datetime

import pytest

MIXED = {
    "good": {"texts": ["one", "two"], "not_scanned": [{"name": "x.png", "reason": "binary data"}]},
    "bad": {"does": "fails", "text": "The CRM does not answer", "optional": True},
    "from_bad": {"inputs": ["bad"], "optional": True},
    "all": {"inputs": ["good"], "output": True},
}


def test_the_report_of_a_run_lists_its_artifacts_and_next_steps(ask, runbook) -> None:
    outcome = ask("run", runbook(MIXED))
    assert outcome.code == 0
    output = " ".join(outcome.out.split())
    assert "Test scan: succeeded in" in output
    assert "good succeeded" in output
    assert "2 items" in output
    assert "bad failed (optional)" in output
    assert "from_bad skipped 'bad' failed" in output
    assert "Errors: bad: The CRM does not answer" in output
    assert "good: 1 not scanned x.png: binary data" in output
    assert "waivern artifacts show" in output
    assert "--resume" not in output


def test_findings_are_counted_by_category(ask, runbook, folder) -> None:
    mails = {"texts": ["Write to bob@example.com", "or to eve@example.com"]}
    name = runbook({"mails": mails})
    text = (folder / name).read_text() + "  found:\n    inputs: mails\n    process: {type: personal_data}\n"
    (folder / name).write_text(text)
    outcome = ask("run", name)
    assert outcome.code == 0
    assert "1 finding: email 1" in outcome.out
    table = ask("artifacts", "show", "latest", "found", "--format", "text").out
    assert "bob@example.com" not in table
    assert table.splitlines()[0].split() == ["CATEGORY", "RULE", "LOCATION", "CONFIDENCE", "EVIDENCE"]


def test_progress_is_one_line_per_change_on_standard_error(ask, runbook) -> None:
    output = ask("run", runbook(MIXED)).err.splitlines()
    assert output[0].endswith(" of Test scan: 4 artifacts")
    assert "good: running" in output
    assert any(line.startswith("good: succeeded in ") for line in output)
    assert any(line.startswith("bad: failed in ") and line.endswith(": The CRM does not answer") for line in output)
    assert "from_bad: skipped: 'bad' failed" in output
    assert ask("run", runbook(MIXED), "--quiet").err == ""


def test_the_json_of_a_run_is_one_object_with_its_artifacts(ask, runbook) -> None:
    output = json.loads(ask("run", runbook(MIXED), "--format", "json").out)
    assert list(output) == [
        *("id", "runbook", "status", "trigger", "schedule", "due_at", "created_at", "started_at", "ended_at"),
        *("duration_seconds", "artifacts", "error", "runbook_digest", "epoch", "attempts"),
        *("max_attempts", "priority", "lateness_seconds", "deadline", "worker", "reanalysis_of", "restored"),
        *("artifact_counts", "run_attempts", "failed_attempts", "gates", "since_last_run", "decisions"),
    ]
    assert (output["runbook"], output["status"], output["trigger"]) == ("Test scan", "succeeded", "manual")
    assert output["artifact_counts"] == {"total": 4, "succeeded": 2, "failed": 1, "skipped": 1}
    by_name = {artifact["artifact_id"]: artifact for artifact in output["artifacts"]}
    assert list(by_name["good"]) == [
        *("artifact_id", "status", "component", "schema", "started_at", "ended_at", "duration_seconds"),
        *("skip_reason", "skipped_because", "error", "output", "optional", "digest", "size"),
        *("kind", "inputs", "aliases", "overview", "retain", "pruned_at", "pruned_because"),
    ]
    assert by_name["from_bad"]["skip_reason"] == "dependency_failed"
    assert by_name["from_bad"]["skipped_because"] == "bad"
    assert by_name["bad"]["error"] == "The CRM does not answer"
    assert by_name["all"]["inputs"] == ["good"]
    assert by_name["all"]["output"] is True
    assert by_name["good"]["overview"]["items"] == 2
    for instant in (output["created_at"], output["ended_at"], by_name["good"]["started_at"]):
        assert instant.endswith("Z")
        assert datetime.fromisoformat(instant).tzinfo is not None


def test_a_failed_run_is_exit_code_3_and_suggests_to_resume_it(ask, runbook) -> None:
    outcome = ask("run", runbook({"bad": {"does": "raises", "text": "odd thing"}, "after": {"inputs": ["bad"]}}))
    assert outcome.code == 3
    assert "bad: RuntimeError: odd thing" in outcome.out
    assert "waivern run scan.yaml --resume " in outcome.out
    assert "Traceback" not in outcome.out + outcome.err


@pytest.mark.parametrize("does", ["exits", "raises", "fails"])
def test_a_component_that_exits_or_raises_fails_the_run(ask, runbook, does) -> None:
    assert ask("run", runbook({"bad": {"does": does}})).code == 3
    assert json.loads(ask("history", "--format", "json").out)[0]["status"] == "failed"


@pytest.mark.parametrize("timeout_option", [("--timeout", "0.3"), ()])
def test_artifacts_unfinished_at_the_deadline_are_skipped_as_timed_out(ask, runbook, timeout_option) -> None:
    config = {} if timeout_option else {"timeout": 0.3}
    name = runbook({"slow": {"does": "is_slow", "seconds": 1}, "after": {"inputs": ["slow"]}}, **config)
    outcome = ask("run", name, *timeout_option)
    assert outcome.code == 3
    assert "Test scan: timed out" in outcome.out
    assert "not finished before the deadline" in outcome.out


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "inf", "1e12", "soon"])
def test_an_invalid_timeout_is_refused(ask, runbook, timeout) -> None:
    outcome = ask("run", runbook({"a": {}}), "--timeout", timeout)
    assert outcome.code == 2
    assert "not a valid number of seconds" in outcome.err


def test_a_resumed_run_keeps_its_id_and_executes_only_the_rest(ask, runbook, monkeypatch) -> None:
    monkeypatch.setenv("DOES", "fails")
    name = runbook({"first": {}, "second": {"does": "${DOES}"}})
    before = json.loads(ask("run", name, "--format", "json").out)
    assert before["status"] == "failed"
    monkeypatch.setenv("DOES", "gives")
    outcome = ask("run", name, "--resume", before["id"][:18], "--format", "json")
    after = json.loads(outcome.out)
    assert outcome.code == 0
    assert (after["id"], after["status"], after["epoch"]) == (before["id"], "succeeded", 2)
    assert after["artifacts"][0]["ended_at"] == before["artifacts"][0]["ended_at"]
    assert "1 from an earlier attempt" in outcome.err
    assert "first: running" not in outcome.err
    assert ask("run", name, "--resume", "latest").code == 2


def test_artifacts_are_written_to_the_output_folder(ask, runbook, folder) -> None:
    assert ask("run", runbook(MIXED), "--output-dir", "results/today").code == 0
    written = sorted(path.name for path in (folder / "results" / "today").iterdir())
    assert written == ["all.json", "good.json"]
    assert len(json.loads((folder / "results" / "today" / "good.json").read_text())["data"]) == 2


def test_an_unwritable_output_folder_is_refused_before_the_run(ask, runbook, folder) -> None:
    (folder / "results").write_text("a file")
    outcome = ask("run", runbook(MIXED), "--output-dir", "results")
    assert outcome.code == 2
    assert "Cannot write to results" in outcome.err
    assert ask("history").out == ""


def test_relative_paths_are_based_on_the_runbook_folder_by_default(ask, folder) -> None:
    for place, text in (("here", "one"), ("there", "two")):
        (folder / place).mkdir()
        (folder / place / "a.txt").write_text(text)
    (folder / "here" / "scan.yaml").write_text(
        "name: Files\ndescription: x\nartifacts:\n  files: {source: {type: filesystem, properties: {path: ./a.txt}}}\n"
    )
    for directory, text in (((), "one"), (("--working-dir", "there"), "two")):
        assert ask("run", "here/scan.yaml", *directory).code == 0
        content = json.loads(ask("artifacts", "show", "latest", "files").out)
        assert [item["content"] for item in content["data"]] == [text]


def test_output_of_a_component_does_not_mix_with_the_results(ask, runbook) -> None:
    outcome = ask("run", runbook({"chatty": {"does": "prints"}}), "--format", "json")
    assert json.loads(outcome.out)["status"] == "succeeded"
    assert "a word on standard output" in outcome.err


def test_control_characters_of_a_source_are_escaped(ask, runbook) -> None:
    name = runbook({"bad": {"does": "fails", "text": "\x1b[2J\x9bgone\u202e"}}, name="Scan\x1b]0;x\x07")
    outcome = ask("run", name)
    history = ask("history")
    for unsafe in "\x1b\x9b\x07\u202e":
        assert unsafe not in outcome.out + outcome.err + history.out
    assert "\\x1b[2J" in outcome.out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "There is no runbook nightly.yaml"),
        ("", "is empty"),
        ("a: [", "nightly.yaml:"),
        ("name: x\ndescription: y\nartefacts: {}\n", "artifacts"),
        ("name: x\ndescription: y\nartifacts: {a: {source: {type: filesytem}}}\n", "Did you mean 'filesystem'?"),
        ("name: x\ndescription: y\nartifacts: {a: {inputs: b}, b: {inputs: a}}\n", "cycle"),
        ("name: x\ndescription: y\nartifacts: {a: {source: {type: odd, properties: {text: '${NO_SUCH}'}}}}", "NO_SUCH"),
    ],
)
def test_an_invalid_runbook_is_exit_code_2_and_leaves_no_run(ask, folder, text, message) -> None:
    if text is not None:
        (folder / "nightly.yaml").write_text(text)
    outcome = ask("run", "nightly.yaml")
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert ask("history", "--format", "json").out == "[]\n"


def test_a_run_without_a_usable_database_is_not_started(ask, runbook, folder) -> None:
    outcome = ask("run", runbook({"a": {}}), "--db", f"sqlite:///{folder}")
    assert outcome.code == 4
    assert "Cannot open the database" in outcome.err
