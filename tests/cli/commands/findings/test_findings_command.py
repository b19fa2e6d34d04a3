"""`waivern findings`, and what is decided about a finding."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.commands.findings.test_diff_command import scan as scan

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
WHO = ("--reason", "a made-up address", "--owner", "dpo@example.org")


@pytest.fixture
def listed(ask):
    """The findings as JSON has them."""

    def asked(*options: str):
        outcome = ask("findings", *options, "--format", "json")
        assert (outcome.code, outcome.err) == (0, "")
        return json.loads(outcome.out)

    return asked


def statuses(found) -> dict[str, str]:
    return {item["location"]: item["status"] for item in found}


def test_the_status_of_findings_comes_from_the_newest_complete_run(scan, listed) -> None:
    scan(a="ann@example.org", b="bo@example.org")
    assert statuses(listed()) == {"a.txt": "new", "b.txt": "new"}
    scan(b=None, c="cy@example.org")
    assert statuses(listed()) == {"a.txt": "open", "b.txt": "fixed", "c.txt": "new"}
    scan(a="\x00\x01\x02" * 50)
    assert statuses(listed()) == {"a.txt": "unknown", "b.txt": "fixed", "c.txt": "open"}
    assert statuses(listed("--status", "open")) == {"c.txt": "open"}
    assert statuses(listed("--location", "a*", "--since", "1d")) == {"a.txt": "unknown"}


def test_the_list_is_printed_as_table_and_csv_page_by_page(ask, scan, listed) -> None:
    scan(a="ann@example.org", b="bo@example.org", c="cy@example.org")
    outcome = ask("findings", "--limit", "2")
    assert outcome.out.startswith("FINDING")
    assert len(outcome.out.splitlines()) == 3
    key = outcome.err.split()[-1]
    assert len(listed("--after", key)) == 1
    rows = list(csv.DictReader(io.StringIO(ask("findings", "--format", "csv").out)))
    assert {row["status"] for row in rows} == {"new"}
    assert list(rows[0]) == list(listed()[0])


def test_an_empty_list_is_reported(ask, scan) -> None:
    assert ask("findings").err == "No findings yet\n"
    scan(a="ann@example.org")
    assert ask("findings", "--category", "none such").err == "No matching findings\n"
    refused = ask("findings", "--after", "7")
    assert (refused.code, "'7' is not a valid key" in refused.err) == (2, True)


def test_one_finding_is_shown_with_its_runs_decisions_and_evidence(ask, scan, listed) -> None:
    for text in ("ann@example.org", "nothing", "ann@example.org bo@example.org"):
        scan(a=text)
    (finding,) = listed()
    name = finding["fingerprint"]
    assert ask("accept", name[:8], *WHO).code == 0
    outcome = ask("findings", "show", name[:8])
    assert (outcome.code, outcome.err) == (0, "")
    for text in (f"Finding {name}", "a.txt in ./files", "accepted in Files since", "1 match", "2 matches"):
        assert text in outcome.out
    assert "accepted by dpo@example.org: a made-up address" in outcome.out
    assert "ann@example.org" not in outcome.out
    details = json.loads(ask("findings", "show", name, "--format", "json").out)
    assert [presence["runs"] for presence in details["presences"]] == [1, 1]
    assert details["current"][0]["first_run"] == details["presences"][0]["first_run"]
    assert details["finding"]["evidence"]
    assert details["found_in"]["artifact_id"] == "found"


def test_a_decision_applies_until_the_finding_is_reopened(ask, scan, listed) -> None:
    scan(a="ann@example.org")
    name = listed()[0]["fingerprint"]
    kept = json.loads(ask("suppress", name, *WHO, "--until", TOMORROW, "--format", "json").out)
    assert (kept["verdict"], kept["until"], kept["origin"]) == ("suppressed", TOMORROW, "command")
    assert statuses(listed()) == {"a.txt": "suppressed"}
    assert listed("--status", "open") == []
    assert ask("reopen", name, *WHO).out == f"Finding {name} is reopened\n"
    assert statuses(listed()) == {"a.txt": "new"}
    same_database = ask("reopen", name, *WHO)
    assert (same_database.code, "There is nothing to reopen" in same_database.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (("f" * 32, *WHO), "No run has found 'ffff"),
        (("ffff", *WHO), "'ffff' is too short"),
        (("NAME", *WHO, "--until", "2020-01-01"), "2020-01-01 is in the past"),
        (("NAME", *WHO, "--until", "soon"), "'soon' is not a valid date"),
        (("NAME", "--reason", " ", "--owner", "me"), "reason of a decision must not be empty"),
        (("NAME", "--reason", "why"), "--owner"),
    ],
)
def test_an_invalid_decision_is_refused(ask, scan, listed, text, why: str) -> None:
    scan(a="ann@example.org")
    name = listed()[0]["fingerprint"]
    refused = ask("suppress", *(name if item == "NAME" else item for item in text))
    assert refused.code == 2
    assert why in refused.err
    assert statuses(listed()) == {"a.txt": "new"}
