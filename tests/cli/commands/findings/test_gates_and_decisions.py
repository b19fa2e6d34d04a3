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
    (folder / "waivern-decisions.yaml").write_text("decisions:\n" + "".join(f"  - {{{item}}}\n" for item in entries))


def by_location(location: str, *, until: str = "2999-01-01", rule: str = "email_address") -> str:
    return f"rule: {rule}, location: '{location}', verdict: suppressed, reason: made up, owner: qa, until: {until}"


def test_a_new_finding_fails_a_gate_and_a_known_one_does_not(scan) -> None:
    failed = scan("--fail-on", "new", a="ann@example.org")
    assert failed.code == 1
    assert "new: failed, 1 finding" in failed.out
    assert "a.txt in ./files" in failed.out
    passed = scan("--fail-on", "new", "--fail-on", "new:low")
    assert (passed.code, "new: passed" in passed.out) == (0, True)
    assert scan("--fail-on", "any").code == 1
    assert scan("--fail-on", "any:critical").code == 0
    assert scan("--fail-on", "any:category=email").code == 1
    assert scan("--fail-on", "any:special_category").code == 0
    assert scan("--fail-on", "changed", a="ann@example.org bo@example.org").code == 1


def test_the_json_lists_the_findings_that_violate_each_gate(ask, scan) -> None:
    outcome = json.loads(
        scan("--fail-on", "any", "--fail-on", "incomplete", "--format", "json", a="ann@example.org").out
    )
    of_findings, incomplete = outcome["gates"]
    assert (of_findings["gate"], of_findings["violations"]) == ("any", 1)
    assert [item["location"] for item in of_findings["findings"]] == ["a.txt"]
    assert incomplete == {"gate": "incomplete", "violations": 0, "findings": [], "coverage_gaps": []}
    shown = json.loads(ask("history", "show", "latest", "--format", "json").out)
    assert shown["gates"] == [{"gate": "any", "violations": 1}, {"gate": "incomplete", "violations": 0}]
    assert "any: failed, 1 violation" in ask("history", "show", "latest").out


def test_a_coverage_gap_fails_the_gate_incomplete(scan) -> None:
    failed = scan("--fail-on", "incomplete", a=b"\x00\x01\x02" * 50)
    assert failed.code == 1
    assert "incomplete: failed, 1 coverage gap" in failed.out
    assert "a.txt: binary" in failed.out


def test_excluded_files_violate_no_gate(folder: Path, scan) -> None:
    (folder / "files.yaml").write_text(
        RUNBOOK.replace("path: ./files", "path: ./files, exclude_patterns: ['[a-g].txt']")
    )
    for name in "abcdefg":
        (folder / "files" / f"{name}.txt").write_text("ann@example.org")
    assert scan("--fail-on", "incomplete", z="bo@example.org").code == 0
    assert scan("--fail-on", "incomplete", y=b"\x00\x01\x02" * 50).code == 1


def test_gates_can_be_set_in_the_runbook(ask, folder: Path, scan) -> None:
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


def test_the_gates_of_a_child_runbook_have_no_effect(ask, folder: Path) -> None:
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("ann@example.org")
    (folder / "main.yaml").write_text(MAIN)
    (folder / "child.yaml").write_text(CHILD)
    checked = ask("validate", "main.yaml")
    assert checked.code == 0
    assert "child.yaml:4: gates: gates of a child runbook have no effect: move them to 'Main'" in checked.out
    (outcome,) = json.loads(ask("validate", "main.yaml", "--format", "json").out)
    assert (outcome["valid"], len(outcome["warnings"])) == (True, 1)
    assert ask("run", "main.yaml", "--quiet").code == 0
    (folder / "main.yaml").write_text(MAIN + "gates: [any]\n")
    failed = ask("run", "main.yaml", "--quiet")
    assert (failed.code, "any: failed, 1 finding" in failed.out) == (1, True)


@pytest.mark.parametrize(
    ("gate", "why"),
    [
        ("nwe", "Did you mean 'new'?"),
        ("incomplete:high", "takes no filter"),
        ("new:", "Known: low"),
        ("x y", "Known: new"),
    ],
)
def test_an_invalid_gate_is_refused_before_the_run_starts(ask, scan, gate: str, why: str) -> None:
    refused = scan("--fail-on", gate, a="ann@example.org")
    assert (refused.code, why in refused.err) == (2, True)
    assert ask("history").err == "No runs yet\n"


def test_findings_that_the_file_suppresses_violate_no_gate(ask, folder: Path, scan) -> None:
    decide(folder, by_location("a*"))
    passed = scan("--fail-on", "any", a="ann@example.org")
    assert passed.code == 0
    found = json.loads(ask("findings", "--format", "json").out)
    assert [item["status"] for item in found] == ["suppressed"]
    decide(folder, by_location("b*"))
    assert scan("--fail-on", "any").code == 1
    (folder / "waivern-decisions.yaml").unlink()
    assert scan("--fail-on", "any").code == 1


def test_inactive_decisions_are_reported_by_run_and_validate(ask, folder: Path, scan) -> None:
    decide(folder, by_location("a*", until=YESTERDAY), by_location("gone*"))
    outcome = scan(a="ann@example.org")
    assert outcome.code == 0
    assert "rule email_address at a*, suppressed by qa (made up): has expired" in outcome.out
    assert "rule email_address at gone*, suppressed by qa (made up): matches no finding" in outcome.out
    decisions = json.loads(scan("--format", "json").out)["decisions"]
    assert [item["location"] for item in decisions["expired"]] == ["a*"]
    assert [item["location"] for item in decisions["stale"]] == ["gone*"]
    checked = ask("validate", "files.yaml")
    assert checked.code == 0
    assert f"rule email_address at a*: the decision expired on {YESTERDAY}" in checked.out
    stale = "rule email_address at gone*: it matches no finding of the newest complete run of 'Files'"
    assert stale in checked.out


def test_the_list_of_findings_reports_inactive_decisions_on_standard_error(ask, folder: Path, scan) -> None:
    decide(folder, by_location("a*"), by_location("gone*"))
    scan(a="ann@example.org")
    stale = "Decisions:\n  rule email_address at gone*, suppressed by qa (made up): matches no finding\n"
    for form in ("table", "json", "csv"):
        outcome = ask("findings", "--format", form)
        assert (outcome.code, outcome.err) == (0, stale)
    assert ask("findings", "--runbook", "Another").err == "No matching findings\n"
    decide(folder, by_location("a*", until=YESTERDAY))
    scan()
    assert "rule email_address at a*, suppressed by qa (made up): has expired" in ask("findings").err


def test_one_finding_shows_the_matching_decisions_and_their_state(ask, folder: Path, scan) -> None:
    decide(folder, by_location("a*"), by_location("?.txt", until=YESTERDAY), by_location("b*"))
    scan(a="ann@example.org")
    (finding,) = json.loads(ask("findings", "--format", "json").out)
    name = finding["fingerprint"]

    def states() -> list[tuple[str, str]]:
        shown = json.loads(ask("findings", "show", name, "--format", "json").out)
        return [(item["location"] or item["verdict"], item["state"]) for item in shown["decisions"]]

    assert states() == [("a*", "active"), ("?.txt", "expired")]
    assert ask("reopen", name, "--reason", "it is real", "--owner", "dpo").code == 0
    assert states() == [("a*", "superseded"), ("?.txt", "expired"), ("reopened", "active")]
    text = ask("findings", "show", name).out
    assert "(waivern-decisions.yaml, rule email_address at a*): superseded by a newer decision" in text
    assert f"suppressed until {YESTERDAY} by qa: made up (waivern-decisions.yaml, rule email_address at ?.txt)" in text
    (folder / "waivern-decisions.yaml").write_text(
        f"decisions:\n  - {{fingerprint: {name}, verdict: accepted, reason: contract, owner: dpo}}\n"
    )
    scan()
    assert states()[-1] == ("accepted", "active")
    scan(a="nothing")
    assert states()[-1] == ("accepted", "stale")
    assert "matches no finding" in ask("findings", "show", name).out


def test_an_invalid_file_prevents_the_run(ask, folder: Path, scan) -> None:
    decide(folder, "verdict: acepted")
    refused = scan(a="ann@example.org")
    assert refused.code == 2
    assert (
        "waivern-decisions.yaml:2: verdict: 'acepted' is not a valid verdict. Did you mean 'accepted'?" in refused.err
    )
    assert ask("history").err == "No runs yet\n"
    assert ask("validate", "files.yaml").code == 2


def test_validate_creates_no_database(ask, folder: Path, scan) -> None:
    decide(folder, by_location("a*"))
    assert ask("validate", "files.yaml").code == 0
    assert not (folder / ".waivern").exists()


def test_a_failed_run_exits_as_failed_whatever_its_gates(ask, runbook) -> None:
    failed = ask("run", runbook({"bad": {"does": "fails"}}), "--quiet", "--fail-on", "incomplete")
    assert failed.code == 3
    assert "incomplete: failed, 1 coverage gap" in failed.out


def test_a_run_without_analysers_can_fail_the_gate_incomplete(ask, runbook) -> None:
    not_scanned = [{"name": f"{number}.bin", "reason": "binary", "code": "binary"} for number in range(9)]
    not_scanned += [{"name": "b", "reason": "matches an exclude pattern", "code": "excluded"}]
    file = runbook({"files": {"not_scanned": not_scanned[::-1]}})
    outcome = json.loads(ask("run", file, "--fail-on", "incomplete", "--format", "json").out)
    (gate,) = outcome["gates"]
    assert (gate["violations"], gate["coverage_gaps"][0]) == (9, "8.bin: binary")
