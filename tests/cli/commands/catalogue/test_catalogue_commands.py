"""The commands that run nothing: validate, plan, components, rulesets, schema, db."""

import json
import sqlite3

import pytest

GRAPH = {"a": {}, "b": {"texts": ["x"]}, "both": {"inputs": ["a", "b"], "output": True}, "rest": {"inputs": ["both"]}}


def test_validate_reports_every_problem_of_every_runbook(ask, runbook, folder) -> None:
    good = runbook(GRAPH, file="good.yaml")
    bad = runbook({"x": {"inputs": ["y"]}, "z": {"inputs": ["nothing"]}}, file="bad.yaml")
    outcome = ask("validate", good, bad, "missing.yaml")
    assert outcome.code == 2
    assert "good.yaml: valid" in outcome.out
    assert "bad.yaml: 2 problems" in outcome.out
    assert "missing.yaml: 1 problem\n" in outcome.out
    listed = json.loads(ask("validate", good, bad, "--format", "json").out)
    assert [(result["runbook"], result["valid"], len(result["problems"])) for result in listed] == [
        ("good.yaml", True, 0),
        ("bad.yaml", False, 2),
    ]
    assert ask("validate", good).code == 0
    assert not (folder / ".waivern").exists()


def test_an_unavailable_database_does_not_make_a_runbook_invalid(ask, runbook) -> None:
    name = runbook({"again": {"reuse": {"from_run": "latest", "artifact": "a"}}})
    assert ask("validate", name).code == 2
    outcome = ask("validate", name, "--db", "postgresql://u@127.0.0.1:1/x")
    assert (outcome.code, outcome.out) == (4, "")


def test_a_plan_is_listed_in_topological_order(ask, runbook) -> None:
    name = runbook(GRAPH, timeout=90)
    described = json.loads(ask("plan", name, "--format", "json").out)
    assert described["timeout_s"] == 90
    assert [artifact["artifact_id"] for artifact in described["artifacts"]] == ["a", "b", "both", "rest"]
    assert described["artifacts"][2] == {
        "artifact_id": "both",
        "kind": "merge",
        "component": "concatenate",
        "inputs": ["a", "b"],
        "input_schemas": ["standard_input/1.0.0"],
        "schema": "standard_input/1.0.0",
        "output": True,
        "optional": False,
        "aliases": [],
    }
    assert "Test scan: 4 artifacts, 10 at a time, 90 s" in ask("plan", name).out


def test_a_plan_shows_no_values_of_variables(ask, runbook, monkeypatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "geheim-1234")
    name = runbook({"a": {"secret": "${SHOP_PASSWORD}"}})
    for form in ("text", "mermaid", "json"):
        assert "geheim-1234" not in ask("plan", name, "--format", form).out
    assert json.loads(ask("plan", name, "--format", "json").out)["variables"] == ["SHOP_PASSWORD"]


def test_a_mermaid_plan_has_every_node_and_edge(ask, runbook) -> None:
    drawn = ask("plan", runbook(GRAPH), "--format", "mermaid").out.splitlines()
    assert drawn == [
        "flowchart TD",
        '    a0[("a<br/>odd")]',
        '    a1[("b<br/>odd")]',
        '    a2["both<br/>concatenate"]',
        '    a3["rest<br/>concatenate"]',
        "    a0 --> a2",
        "    a1 --> a2",
        "    a2 --> a3",
    ]


def test_components_are_listed_and_broken_plug_ins_with_the_reason(ask) -> None:
    listed = {component["name"]: component for component in json.loads(ask("components", "--format", "json").out)}
    assert listed["filesystem"] == {
        "kind": "connector",
        "name": "filesystem",
        "inputs": [],
        "outputs": ["standard_input/1.0.0"],
        "broken": None,
    }
    assert ["standard_input/1.0.0"] in listed["personal_data"]["inputs"]
    assert "NothingOfThisName" in listed["missing"]["broken"]
    outcome = ask("components")
    assert outcome.code == 0
    assert "broken: AttributeError" in outcome.out


def test_rulesets_are_listed_with_their_versions(ask) -> None:
    listed = {ruleset["uri"]: ruleset for ruleset in json.loads(ask("rulesets", "--format", "json").out)}
    assert list(listed) == sorted(listed)
    personal_data = listed["local/personal_data_indicator/1.0.0"]
    assert personal_data["rules_version"].startswith("1.0.0+")
    assert personal_data["rules"] > 0
    assert "local/personal_data_indicator/1.0.0" in ask("rulesets").out


def test_schemas_of_runbooks_and_messages_are_printed(ask) -> None:
    assert json.loads(ask("schema").out)["title"] == "Waivern runbook"
    names = ask("schema", "--list").out.split()
    assert "standard_input/1.0.0" in names
    for name in names:
        assert json.loads(ask("schema", name).out)["type"] == "object"
    outcome = ask("schema", "standard_inptu/1.0.0")
    assert outcome.code == 2
    assert "Did you mean 'standard_input/1.0.0'?" in outcome.err
    assert ask("schema", "nonsense").code == 2


def test_a_database_is_upgraded_described_and_checked(ask, database_url) -> None:
    arguments = ("--db", database_url)
    if not database_url.startswith("sqlite"):  # a missing file is an error instead
        before = json.loads(ask("db", "current", "--format", "json", *arguments).out)
        assert (before["revision"], before["up_to_date"]) == (None, False)
    assert " was upgraded from none to " in ask("db", "upgrade", *arguments).out
    assert " already" in ask("db", "upgrade", *arguments).out
    after = json.loads(ask("db", "current", "--format", "json", *arguments).out)
    assert (after["revision"], after["up_to_date"]) == (after["newest"], True)
    assert ask("db", "check", *arguments).code == 0


def test_a_postgres_database_without_tables_is_an_error_with_a_remedy(ask, postgres_url) -> None:
    outcome = ask("history", "--db", postgres_url)
    assert outcome.code == 4
    assert "Run `waivern db upgrade`" in outcome.err


@pytest.mark.parametrize(
    ("change", "output"),
    [
        ("UPDATE alembic_version SET version_num = '9999_later'", "newer"),
        ("ALTER TABLE runs ADD COLUMN odd TEXT", "odd"),
        ("DROP INDEX ix_runs_status_created_at", "ix_runs_status"),
    ],
)
def test_an_unusable_database_exits_with_4(ask, folder, change, output) -> None:
    ask("db", "upgrade")
    with sqlite3.connect(folder / ".waivern" / "waivern.db") as database:
        if change.startswith("DROP INDEX"):
            names = [
                name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE name LIKE 'ix_runs_status%'")
            ]
            change = f"DROP INDEX {names[0]}"
        database.execute(change)
    database.close()
    outcome = ask("db", "check")
    assert outcome.code == 4
    assert output in outcome.err
