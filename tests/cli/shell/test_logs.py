"""Log output: JSON lines, run IDs and redaction."""

import json

import pytest


def logged(outcome) -> list[dict[str, str]]:
    return [json.loads(line) for line in outcome.err.splitlines() if line.startswith("{")]


def test_each_line_of_a_run_names_the_run(ask, runbook) -> None:
    path = runbook({"a": {"does": "logs", "text": "one\ntwo \x1b[31m"}})
    ended = ask("run", str(path), "--log-format", "json", "--quiet")
    lines = logged(ended)
    (run,) = json.loads(ask("history", "--format", "json").out)
    assert [line["logger"] for line in lines] == ["odd", "odd"]
    assert {line["run_id"] for line in lines} == {run["id"]}
    assert lines[0]["message"] == "It says one\ntwo \x1b[31m"
    assert "RuntimeError: one" in lines[1]["error"]
    assert all(line["at"].endswith("Z") and line["level"] == "ERROR" for line in lines)


def test_text_log_lines_name_the_run(ask, runbook) -> None:
    ended = ask("run", str(runbook({"a": {"does": "logs", "text": "a word"}})), "--quiet")
    (run,) = json.loads(ask("history", "--format", "json").out)
    assert f"ERROR odd [{run['id'][:18]}]: It says a word" in ended.err


def test_json_logs_contain_no_secret(ask, runbook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", 'hunter2"hunter2')
    ended = ask("run", str(runbook({"a": {"does": "logs", "text": "${WORD}"}})), "--log-format", "json", "--quiet")
    assert len(logged(ended)) == 2
    assert "hunter2" not in ended.err
    assert "${WORD}" in logged(ended)[0]["message"]


def test_the_log_format_can_be_set_and_an_invalid_one_is_refused(ask, runbook, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(runbook({"a": {"does": "logs", "text": "x"}}))
    monkeypatch.setenv("WAIVERN_LOG_FORMAT", "JSON")
    assert logged(ask("run", path, "--quiet"))
    monkeypatch.setenv("WAIVERN_LOG_FORMAT", "xml")
    refused = ask("run", path)
    assert refused.code == 2
    assert "text, json" in refused.err


@pytest.mark.parametrize("does", ["breaks_a_thread", "breaks_a_finaliser"])
def test_an_uncaught_exception_is_logged_without_secrets(ask_process, runbook, does: str) -> None:
    path = str(runbook({"a": {"does": does, "text": "${WORD}"}}))
    ended = ask_process("run", path, "--log-format", "json", "--quiet", environment={"WORD": "hunter2hunter2"})
    assert ended.code == 0
    assert "hunter2" not in ended.err
    (line,) = logged(ended)
    assert line["level"] == "ERROR"
    assert "RuntimeError: ${WORD}" in line["error"]
    as_text = ask_process("run", path, "--quiet", environment={"WORD": "hunter2hunter2"})
    assert "hunter2" not in as_text.err
    assert "RuntimeError: ${WORD}" in as_text.err
