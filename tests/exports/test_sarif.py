"""SARIF: read back with a packaged model of the format."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.exports.model.reported_finding import Location, ReportedFinding
from waivern.exports.sarif.exporter import SarifExporter
from waivern.testing.exporter_contract import written
from waivern.testing.sample_reports import empty_report, failed_report, sample_finding, sample_report, sample_run


def run_of(**more: Any) -> dict[str, Any]:
    (run,) = json.loads(written(SarifExporter, sample_report(**more)))["runs"]
    return dict(run)


@pytest.mark.parametrize("report", [sample_report(), failed_report(), empty_report()])
def test_the_output_is_valid_sarif(report: Any) -> None:
    from sarif_pydantic import Sarif

    log = Sarif.model_validate_json(written(SarifExporter, report))
    assert log.version == "2.1.0"
    assert log.runs[0].tool.driver.name == "Waivern"


def test_a_result_has_a_stable_fingerprint_and_its_rule() -> None:
    run = run_of()
    first = run["results"][0]
    assert first["partialFingerprints"] == {"waivernFinding/v1": "a" * 32}
    assert run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == first["ruleId"]
    assert first["ruleId"] == "personal_data_indicator/email_address"
    places = [first["locations"][0], *first["relatedLocations"]]
    assert [place["physicalLocation"]["region"]["startLine"] for place in places] == [3, 7]
    assert "a****@*******.***" in first["message"]["text"]


def test_every_rule_has_a_description_and_a_source() -> None:
    for rule in run_of(findings=[])["tool"]["driver"]["rules"]:
        assert rule["help"]["text"].endswith(f"Source: {rule['properties']['source']}.")
        assert rule["helpUri"].startswith("https://")


def test_the_baseline_state_is_that_of_the_comparison() -> None:
    run = run_of()
    states = {
        result["partialFingerprints"]["waivernFinding/v1"][0]: result["baselineState"] for result in run["results"]
    }
    assert states == {"a": "new", "b": "updated", "c": "unchanged", "d": "absent"}
    assert run["baselineGuid"] != run["automationDetails"]["guid"]
    no_longer_found = run["results"][-1]
    assert no_longer_found["ruleId"] == run["results"][0]["ruleId"]


def test_without_a_previous_run_there_is_no_baseline() -> None:
    plain = [ReportedFinding(sample_finding("a"), ("x",), Location("a.txt"), (), (), None)]
    run = run_of(findings=plain, comparison=None)
    assert "baselineGuid" not in run
    assert "baselineState" not in run["results"][0]


def test_findings_at_unscanned_locations_are_unknown_not_fixed() -> None:
    run = run_of()
    assert "e" * 32 not in {result["partialFingerprints"]["waivernFinding/v1"] for result in run["results"]}
    (texts,) = [
        notification for notification in notifications(run) if notification["descriptor"]["id"] == "not-scanned-again"
    ]
    assert "e" * 32 in texts["message"]["text"]


def test_coverage_gaps_are_notifications() -> None:
    texts = {
        notification["descriptor"]["id"]: notification["message"]["text"]
        for notification in notifications(run_of(without_evidence=["x"]))
    }
    assert texts["not-scanned"] == "logo.png: binary: a PNG image (files)"
    assert texts["partially-scanned"].startswith("orders: read 40 of 60 (database)")
    assert "The content of 'x' was pruned" in texts["evidence-pruned"]
    assert "archive" in texts["artifact-not-produced"]


def test_a_failed_run_is_reported() -> None:
    (run,) = json.loads(written(SarifExporter, failed_report()))["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "it timed out: The deadline has passed" in notifications(run)[0]["message"]["text"]


def test_a_decision_is_a_suppression() -> None:
    results = run_of()["results"]
    assert results[1]["suppressions"][0]["justification"] == "accepted by Ann, until 2027-01-31: Test data"
    assert "suppressions" not in results[0]


def test_a_column_is_a_logical_location() -> None:
    (place,) = run_of()["results"][1]["locations"]
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "shop.db/orders.payment"
    assert "physicalLocation" not in place


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_path_is_a_relative_reference(path: str) -> None:
    from urllib.parse import unquote, urlsplit

    finding = ReportedFinding(sample_finding(), ("x",), Location(path), (), (), None)
    run = run_of(findings=[finding], comparison=None)
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    assert uri.isascii()
    assert unquote(uri).removeprefix("./") == path.replace("\\", "/").lstrip("/").removeprefix("./")


def test_files_are_listed_once_with_their_source() -> None:
    run = run_of()
    assert [artifact["location"]["uri"] for artifact in run["artifacts"]] == ["a.txt"]
    assert run["originalUriBaseIds"]["SOURCE1"]["description"]["text"] == "./files"
    assert sample_run().id in run["automationDetails"]["id"]


def notifications(run: dict[str, Any]) -> list[dict[str, Any]]:
    return list(run["invocations"][0]["toolExecutionNotifications"])
