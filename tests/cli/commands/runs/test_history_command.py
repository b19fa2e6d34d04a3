"""`waivern history` and `waivern artifacts`: asking about what was."""

import csv
import io
import json

import pytest

OF_ONE_RUN = ("artifacts", "artifact_counts", "run_attempts", "failed_attempts", "gates")


@pytest.fixture
def two_runs(ask, runbook):
    """A run that succeeded, then one of another runbook that failed."""
    assert ask("run", runbook({"a": {}}, name="First", file="first.yaml")).code == 0
    assert (
        ask("run", runbook({"b": {"does": "fails"}, "c": {"inputs": ["b"]}}, name="=Second", file="b.yaml")).code == 3
    )


def test_runs_are_listed_newest_first(ask, two_runs) -> None:
    lines = ask("history").out.splitlines()
    assert lines[0].split() == ["RUN", "RUNBOOK", "STATUS", "STARTED", "TIME", "ARTIFACTS"]
    assert [line.split()[1] for line in lines[1:]] == ["=Second", "First"]
    assert lines[1].endswith("0 of 2, 1 failed, 1 skipped")
    assert len(ask("history", "--limit", "1").out.splitlines()) == 2


def test_the_json_of_the_history_is_a_list_of_runs(ask, two_runs) -> None:
    listed = json.loads(ask("history", "--format", "json").out)
    assert [run["runbook"] for run in listed] == ["=Second", "First"]
    assert list(listed[0])[:11] == [
        *("id", "runbook", "status", "trigger", "schedule", "due_at", "created_at", "started_at", "ended_at"),
        *("duration_seconds", "artifacts"),
    ]
    assert listed[0]["artifacts"] == {"total": 2, "succeeded": 0, "failed": 1, "skipped": 1}
    assert listed[0]["duration_seconds"] >= 0


def test_the_csv_of_the_history_contains_no_spreadsheet_formulas(ask, two_runs) -> None:
    rows = list(csv.DictReader(io.StringIO(ask("history", "--format", "csv").out)))
    assert [row["runbook"] for row in rows] == ["'=Second", "First"]
    assert [row["artifacts_failed"] for row in rows] == ["1", "0"]


@pytest.mark.parametrize(
    ("arguments", "runbooks"),
    [
        (("--runbook", "First"), ["First"]),
        (("--status", "failed"), ["=Second"]),
        (("--since", "1h"), ["=Second", "First"]),
        (("--until", "1h"), []),
        (("--since", "2999-01-01"), []),
        (("--runbook", "First", "--status", "failed"), []),
    ],
)
def test_runs_are_filtered_by_runbook_status_and_time(ask, two_runs, arguments, runbooks) -> None:
    assert [run["runbook"] for run in json.loads(ask("history", *arguments, "--format", "json").out)] == runbooks


@pytest.mark.parametrize(
    "arguments",
    [("--since", "lately"), ("--status", "faild"), ("--limit", "0"), ("--format", "xml"), ("--until", "1y")],
)
def test_an_invalid_filter_is_an_error(ask, arguments) -> None:
    outcome = ask("history", *arguments)
    assert outcome.code == 2
    assert arguments[1] in outcome.err


def test_an_empty_history_is_reported(ask) -> None:
    outcome = ask("history")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "No runs yet\n")


def test_a_run_is_shown_by_a_prefix_of_its_id(ask, two_runs) -> None:
    run = json.loads(ask("history", "--format", "json").out)[1]
    assert "First: succeeded" in ask("history", "show", run["id"][:18]).out
    shown = json.loads(ask("history", "show", run["id"], "--format", "json").out)
    assert shown["artifact_counts"] == run["artifacts"]
    assert {key: value for key, value in shown.items() if key not in OF_ONE_RUN} == {
        key: value for key, value in run.items() if key != "artifacts"
    }
    assert [artifact["artifact_id"] for artifact in shown["artifacts"]] == ["a"]


def test_a_failed_run_is_shown_with_its_errors(ask, two_runs) -> None:
    output = ask("history", "show", "latest").out
    assert "b: The source is not there" in output
    assert "'b' failed" in output
    assert "waivern run RUNBOOK --resume" in output


def test_an_unknown_or_ambiguous_run_is_an_error(ask, two_runs) -> None:
    assert ask("history", "show", "ffffffff").code == 2
    outcome = ask("history", "show", "0")
    assert outcome.code == 2
    assert "More than one run" in outcome.err


def test_artifacts_are_listed_shown_and_written(ask, two_runs, folder) -> None:
    first = json.loads(ask("history", "--runbook", "First", "--format", "json").out)[0]["id"]
    assert ask("artifacts", "list", first).out.splitlines()[1].split()[:3] == ["a", "succeeded", "odd"]
    assert json.loads(ask("artifacts", "list", first, "--format", "json").out)[0]["artifact_id"] == "a"
    assert ask("artifacts", "list", first, "--format", "csv").out.startswith("artifact_id,status,component,schema,")
    content = json.loads(ask("artifacts", "show", first, "a").out)
    assert content["data"][0]["content"] == "hello"
    assert ask("artifacts", "show", first, "a", "--format", "text").out == "== odd\nhello\n"
    assert ask("artifacts", "export", first, "--output-dir", "out").out == "out/a.json\n"
    assert json.loads((folder / "out" / "a.json").read_text()) == content


def test_an_unknown_artifact_is_an_error_that_names_the_existing_ones(ask, two_runs) -> None:
    first = json.loads(ask("history", "--runbook", "First", "--format", "json").out)[0]["id"]
    outcome = ask("artifacts", "show", first, "b")
    assert outcome.code == 2
    assert "There is no artifact 'b'" in outcome.err
    assert "Known: a" in outcome.err


def test_corrupt_content_is_exit_code_4(ask, two_runs, folder) -> None:
    import sqlite3

    with sqlite3.connect(folder / ".waivern" / "waivern.db") as database:
        database.execute("UPDATE blobs SET data = CAST(replace(data, 'hello', 'hullo') AS BLOB)")
    database.close()
    first = json.loads(ask("history", "--runbook", "First", "--format", "json").out)[0]["id"]
    for outcome in (ask("artifacts", "show", first, "a"), ask("artifacts", "export", first, "--output-dir", "out")):
        assert outcome.code == 4
        assert "not what was saved" in outcome.err


def test_options_before_the_subcommand_are_refused(ask, two_runs) -> None:
    refused = ask("history", "--format", "json", "show", "latest")
    assert (refused.code, refused.out) == (2, "")
    assert "put options of" in refused.err
    assert ask("history", "show", "latest", "--format", "json").code == 0


@pytest.mark.parametrize(
    "command",
    [
        *(
            ["history"],
            ["history", "show", "latest"],
            ["artifacts", "list", "latest"],
            ["db", "current"],
            ["db", "check"],
        ),
        *(["status"], ["schedule", "list"], ["schedule", "show", "x"], ["cancel", "latest"]),
    ],
)
def test_reading_commands_create_no_database(ask, folder, command: list[str]) -> None:
    refused = ask(*command, "--db", "sqlite:///below/misspelt.db")
    assert (refused.code, refused.out) == (4, "")
    assert "There is no database file below/misspelt.db" in refused.err
    ask(*command)
    assert list(folder.iterdir()) == []


def test_lists_are_empty_before_the_first_run(ask, folder) -> None:
    assert (ask("history").code, ask("history").err) == (0, "No runs yet\n")
    assert json.loads(ask("history", "--format", "json").out) == []
    assert "No schedules yet" in ask("schedule", "list").err
    assert list(folder.iterdir()) == []
