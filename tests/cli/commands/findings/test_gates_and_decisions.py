"""Gates of a run, and the reviewed file of decisions beside a runbook."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.commands.findings.test_diff_command import RUNBOOK

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


@pytest.fixture
def scan(ask, folder: Path):
    """Scan files of these contents, and return how it ended."""
    (folder / "files").mkdir()
    (folder / "files.yaml").write_text(RUNBOOK)

    def scanned(*options: str, **files: str | bytes | None):
        for name, text in files.items():
            path = folder / "files" / f"{name}.txt"
            path.write_bytes(text if isinstance(text, bytes) else (text or "").encode())
        return ask("run", "files.yaml", "--quiet", *options)

    return scanned


def decide(folder: Path, *entries: str) -> None:
    (folder / "waivern-decisions.yaml").write_text("decisions:\n" + "".join(f"  - {{{each}}}\n" for each in entries))


def by_place(place: str, *, until: str = "2999-01-01", rule: str = "email_address") -> str:
    return f"rule: {rule}, location: '{place}', verdict: suppressed, reason: made up, owner: qa, until: {until}"


def test_what_is_new_trips_a_gate_and_what_is_known_does_not(scan) -> None:
    tripped = scan("--fail-on", "new", a="ann@example.org")
    assert tripped.code == 1
    assert "new: tripped by 1 finding" in tripped.out
    assert "a.txt in ./files" in tripped.out
    passed = scan("--fail-on", "new", "--fail-on", "new:low")
    assert (passed.code, "new: passed" in passed.out) == (0, True)
    assert scan("--fail-on", "any").code == 1
    assert scan("--fail-on", "any:critical").code == 0
    assert scan("--fail-on", "any:category=email").code == 1
    assert scan("--fail-on", "any:special_category").code == 0
    assert scan("--fail-on", "changed", a="ann@example.org bo@example.org").code == 1


def test_json_says_which_findings_tripped_which_gate(ask, scan) -> None:
    told = json.loads(scan("--fail-on", "any", "--fail-on", "incomplete", "--format", "json", a="ann@example.org").out)
    of_findings, incomplete = told["gates"]
    assert (of_findings["gate"], of_findings["tripped"]) == ("any", 1)
    assert [each["location"] for each in of_findings["findings"]] == ["a.txt"]
    assert incomplete == {"gate": "incomplete", "tripped": 0, "findings": [], "omissions": []}
    shown = json.loads(ask("history", "show", "latest", "--format", "json").out)
    assert shown["gates"] == [{"gate": "any", "tripped": 1}, {"gate": "incomplete", "tripped": 0}]
    assert "any: tripped by 1" in ask("history", "show", "latest").out


def test_what_was_not_scanned_trips_incomplete(scan) -> None:
    tripped = scan("--fail-on", "incomplete", a=b"\x00\x01\x02" * 50)
    assert tripped.code == 1
    assert "incomplete: tripped by 1 left out" in tripped.out
    assert "a.txt: binary" in tripped.out


def test_what_the_runbook_leaves_out_trips_nothing(folder: Path, scan) -> None:
    (folder / "files.yaml").write_text(
        RUNBOOK.replace("path: ./files", "path: ./files, exclude_patterns: ['[a-g].txt']")
    )
    for name in "abcdefg":
        (folder / "files" / f"{name}.txt").write_text("ann@example.org")
    assert scan("--fail-on", "incomplete", z="bo@example.org").code == 0
    assert scan("--fail-on", "incomplete", y=b"\x00\x01\x02" * 50).code == 1


def test_a_gate_may_stand_in_the_runbook(ask, folder: Path, scan) -> None:
    (folder / "files.yaml").write_text(RUNBOOK + "gates: [new, any:high]\n")
    assert scan(a="ann@example.org").code == 1
    assert scan().code == 0
    (folder / "files.yaml").write_text(RUNBOOK + "gates:\n  - new\n  - any:hihg\n")
    refused = ask("validate", "files.yaml")
    assert refused.code == 2
    assert "gates[1]: 'any:hihg' is not a valid gate: 'hihg' is not known. Did you mean 'high'?" in refused.out


MAIN = """
name: Main
description: for a test
artifacts:
  files: {source: {type: filesystem, properties: {path: ./files}}}
  found: {child_runbook: {path: child.yaml, input_mapping: {texts: files}, output: all}}
"""
CHILD = """
name: Child
description: for a test
gates: [any]
inputs: {texts: {input_schema: standard_input/1.0.0}}
outputs: {all: {artifact: found}}
artifacts:
  found: {inputs: texts, process: {type: personal_data}}
"""


def test_gates_are_those_of_the_runbook_that_is_run_and_a_childs_are_told_as_without_effect(ask, folder: Path) -> None:
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("ann@example.org")
    (folder / "main.yaml").write_text(MAIN)
    (folder / "child.yaml").write_text(CHILD)
    checked = ask("validate", "main.yaml")
    assert checked.code == 0
    assert "child.yaml:4: gates: gates of a child runbook have no effect: move them to 'Main'" in checked.out
    (told,) = json.loads(ask("validate", "main.yaml", "--format", "json").out)
    assert (told["valid"], len(told["warnings"])) == (True, 1)
    assert ask("run", "main.yaml", "--quiet").code == 0
    (folder / "main.yaml").write_text(MAIN + "gates: [any]\n")
    tripped = ask("run", "main.yaml", "--quiet")
    assert (tripped.code, "any: tripped by 1 finding" in tripped.out) == (1, True)


@pytest.mark.parametrize(
    ("gate", "why"),
    [
        ("nwe", "Did you mean 'new'?"),
        ("incomplete:high", "takes no filter"),
        ("new:", "Known: low"),
        ("x y", "Known: new"),
    ],
)
def test_what_is_no_gate_is_refused_before_anything_runs(ask, scan, gate: str, why: str) -> None:
    refused = scan("--fail-on", gate, a="ann@example.org")
    assert (refused.code, why in refused.err) == (2, True)
    assert ask("history").err == "No runs yet\n"


def test_what_the_file_decides_trips_nothing_and_stands_so(ask, folder: Path, scan) -> None:
    decide(folder, by_place("a*"))
    passed = scan("--fail-on", "any", a="ann@example.org")
    assert passed.code == 0
    found = json.loads(ask("findings", "--format", "json").out)
    assert [each["status"] for each in found] == ["suppressed"]
    decide(folder, by_place("b*"))
    assert scan("--fail-on", "any").code == 1
    (folder / "waivern-decisions.yaml").unlink()
    assert scan("--fail-on", "any").code == 1


def test_decisions_that_count_no_more_are_told(ask, folder: Path, scan) -> None:
    decide(folder, by_place("a*", until=YESTERDAY), by_place("gone*"))
    told = scan(a="ann@example.org")
    assert told.code == 0
    assert "rule email_address at a*, suppressed by qa (made up): has expired" in told.out
    assert "rule email_address at gone*, suppressed by qa (made up): matches nothing any more" in told.out
    decisions = json.loads(scan("--format", "json").out)["decisions"]
    assert [each["location"] for each in decisions["expired"]] == ["a*"]
    assert [each["location"] for each in decisions["stale"]] == ["gone*"]
    checked = ask("validate", "files.yaml")
    assert checked.code == 0
    assert f"rule email_address at a*: the decision has expired on {YESTERDAY}" in checked.out
    assert (
        "rule email_address at gone*: the newest complete run of 'Files' found nothing that it matches" in checked.out
    )


def test_a_list_of_findings_tells_decisions_that_count_no_more_where_remarks_go(ask, folder: Path, scan) -> None:
    decide(folder, by_place("a*"), by_place("gone*"))
    scan(a="ann@example.org")
    stale = "Decisions:\n  rule email_address at gone*, suppressed by qa (made up): matches nothing any more\n"
    for form in ("table", "json", "csv"):
        told = ask("findings", "--format", form)
        assert (told.code, told.err) == (0, stale)
    assert ask("findings", "--runbook", "Another").err == "No such finding\n"
    decide(folder, by_place("a*", until=YESTERDAY))
    scan()
    assert "rule email_address at a*, suppressed by qa (made up): has expired" in ask("findings").err


def test_one_finding_tells_the_patterns_that_mean_it_and_which_decision_counts(ask, folder: Path, scan) -> None:
    decide(folder, by_place("a*"), by_place("?.txt", until=YESTERDAY), by_place("b*"))
    scan(a="ann@example.org")
    (finding,) = json.loads(ask("findings", "--format", "json").out)
    name = finding["fingerprint"]

    def told() -> list[tuple[str, str]]:
        shown = json.loads(ask("findings", "show", name, "--format", "json").out)
        return [(each["location"] or each["verdict"], each["state"]) for each in shown["decisions"]]

    assert told() == [("a*", "counts"), ("?.txt", "expired")]
    assert ask("reopen", name, "--reason", "it is real", "--owner", "dpo").code == 0
    assert told() == [("a*", "overruled"), ("?.txt", "expired"), ("reopened", "counts")]
    text = ask("findings", "show", name).out
    assert "(waivern-decisions.yaml, rule email_address at a*): overruled by a later one" in text
    assert f"suppressed until {YESTERDAY} by qa: made up (waivern-decisions.yaml, rule email_address at ?.txt)" in text
    (folder / "waivern-decisions.yaml").write_text(
        f"decisions:\n  - {{fingerprint: {name}, verdict: accepted, reason: contract, owner: dpo}}\n"
    )
    scan()
    assert told()[-1] == ("accepted", "counts")
    scan(a="nothing")
    assert told()[-1] == ("accepted", "stale")
    assert "matches nothing any more" in ask("findings", "show", name).out


def test_a_file_that_cannot_be_read_stops_a_run_before_it_begins(ask, folder: Path, scan) -> None:
    decide(folder, "verdict: acepted")
    refused = scan(a="ann@example.org")
    assert refused.code == 2
    assert "waivern-decisions.yaml:2: verdict: 'acepted' is none. Did you mean 'accepted'?" in refused.err
    assert ask("history").err == "No runs yet\n"
    assert ask("validate", "files.yaml").code == 2


def test_validating_makes_no_database(ask, folder: Path, scan) -> None:
    decide(folder, by_place("a*"))
    assert ask("validate", "files.yaml").code == 0
    assert not (folder / ".waivern").exists()


def test_a_run_that_failed_ends_as_failed_whatever_its_gates_say(ask, runbook) -> None:
    failed = ask("run", runbook({"bad": {"does": "fails"}}), "--quiet", "--fail-on", "incomplete")
    assert failed.code == 3
    assert "incomplete: tripped by 1 left out" in failed.out


def test_a_run_that_only_reads_can_be_incomplete_too(ask, runbook) -> None:
    left_out = [{"name": f"{number}.bin", "reason": "binary"} for number in range(9)]
    left_out += [{"name": "b", "reason": "excluded by the pattern b"}]
    file = runbook({"files": {"not_scanned": left_out[::-1]}})
    told = json.loads(ask("run", file, "--fail-on", "incomplete", "--format", "json").out)
    (gate,) = told["gates"]
    assert (gate["tripped"], gate["omissions"][0]) == (9, "8.bin: binary")
