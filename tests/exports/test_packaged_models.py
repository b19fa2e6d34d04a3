"""JUnit, OSCAL, OCSF and OpenLineage: read back with packages that others keep for these formats."""

import dataclasses
import json
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.thoroughness import examples
from tests.exports.test_html import report_with_text
from waivern.exports.exporter import Preferences
from waivern.exports.junit_exporter import JunitExporter
from waivern.exports.ocsf_exporter import OcsfExporter
from waivern.exports.openlineage_exporter import OpenLineageExporter
from waivern.exports.oscal_exporter import OscalExporter
from waivern.testing.exporter_contract import written
from waivern.testing.sample_reports import empty_report, failed_report, sample_report

REPORTS = [
    pytest.param(sample_report(), id="full"),
    pytest.param(failed_report(), id="failed"),
    pytest.param(empty_report(), id="empty"),
    pytest.param(report_with_text("<x> & \x00\ud7ff 'y'\n"), id="odd"),
]


def json_lines(exporter: Any, report: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written(exporter, report).splitlines()]


def junit_of(report: Any, fail_from: str = "low") -> Any:
    from junitparser import JUnitXml

    text = b"".join(JunitExporter().export(report, Preferences("xml", fail_from)))
    return JUnitXml.fromstring(text)


class TestJunit:
    @pytest.mark.parametrize("report", REPORTS)
    def test_the_counts_match_the_test_cases(self, report: Any) -> None:
        (suite,) = junit_of(report)
        counts = (suite.tests, suite.failures, suite.errors, suite.skipped)
        suite.update_statistics()
        assert counts == (suite.tests, suite.failures, suite.errors, suite.skipped)

    def test_a_rule_with_undecided_findings_fails(self) -> None:
        assert self.outcomes() == {
            "email_address": "Failure",
            "payment_card": "passed",
            "vat_number": "passed",
            "ip_address": "Failure",
            "archive": "Skipped",
            "archived": "Skipped",
            "logo.png": "Skipped",
            "orders": "Skipped",
        }

    def test_findings_below_the_threshold_do_not_fail(self) -> None:
        assert set(self.outcomes("high").values()) == {"passed", "Skipped"}
        assert self.outcomes("medium")["ip_address"] == "passed"

    def test_an_incomplete_run_is_an_error(self) -> None:
        (suite,) = junit_of(failed_report())
        assert suite.errors == 1
        assert "it timed out" in next(iter(suite)).result[0].message

    def test_a_failure_names_the_location(self) -> None:
        (suite,) = junit_of(sample_report())
        (failure,) = next(case for case in suite if case.name == "email_address").result
        assert failure.message == "1 finding, highest severity: medium"
        assert "a.txt lines 3, 7 in ./files (new): a****@*******.***" in failure.text

    def outcomes(self, fail_from: str = "low") -> dict[str, str]:
        (suite,) = junit_of(sample_report(), fail_from)
        return {case.name: type(case.result[0]).__name__ if case.result else "passed" for case in suite}


@given(st.text(st.characters(codec=None)))
@settings(deadline=None, max_examples=examples(50))
def test_no_text_breaks_the_xml(text: str) -> None:
    (counts,), (plain,) = junit_of(report_with_text(text)), junit_of(report_with_text("x"))
    assert len(list(counts)) == len(list(plain))


class TestOscal:
    @pytest.mark.parametrize("report", REPORTS)
    def test_the_output_is_valid_oscal(self, report: Any) -> None:
        results = self.read(report)
        assert (
            results.metadata.oscal_version.startswith("1.1")
            if isinstance(results.metadata.oscal_version, str)
            else True
        )
        assert len(results.results) == 1

    def test_every_finding_is_an_observation_of_its_rule(self) -> None:
        (result,) = self.read(sample_report()).results
        observed = {observation.uuid: observation for observation in result.observations}
        assert len(observed) == 4
        by_rule = {finding.title: finding for finding in result.findings}
        assert set(by_rule) == {"email address", "payment card", "ip address"}
        (reference,) = by_rule["email address"].related_observations
        evidence = observed[reference.observation_uuid].relevant_evidence
        assert [item.description for item in evidence] == ["Line 3: a****@*******.***", "Line 7: b**@*******.***"]
        assert by_rule["email address"].target.status.state.value == "not-satisfied"

    def test_a_rule_without_findings_is_satisfied_only_without_coverage_gaps(self) -> None:
        (result,) = self.read(sample_report()).results
        assert "vat number" not in {finding.title for finding in result.findings}
        whole = dataclasses.replace(sample_report(), artifacts=(), not_scanned=(), partially_scanned=())
        (result,) = self.read(whole).results
        states = {finding.title: finding.target.status.state.value for finding in result.findings}
        assert states["vat number"] == "satisfied"

    def read(self, report: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package warns of its own code while it is imported
            from trestle.oscal.assessment_results import AssessmentResults
        content = json.loads(written(OscalExporter, report))
        return AssessmentResults.model_validate(content["assessment-results"])


class TestOcsf:
    @pytest.mark.parametrize("report", REPORTS)
    def test_each_line_is_a_valid_event(self, report: Any) -> None:
        from py_ocsf_models.events.findings.finding import Finding

        for event in json_lines(OcsfExporter, report):
            Finding.model_validate(event)
            assert event["class_uid"] == 2006
            assert event["type_uid"] == 200600 + event["activity_id"]

    def test_findings_are_created_updated_and_closed(self) -> None:
        events = json_lines(OcsfExporter, sample_report())
        actual = {event["finding_info"]["uid"][0]: event["activity_name"] for event in events[:-1]}
        assert actual == {"a": "Create", "b": "Update", "c": "Update", "d": "Close"}
        assert events[0]["file"] == {"name": "a.txt", "path": "a.txt", "type_id": 1}
        assert events[1]["table"]["name"] == "orders"
        assert events[1]["severity"] == "Critical"

    def test_coverage_gaps_are_an_event(self) -> None:
        unmapped = json_lines(OcsfExporter, sample_report())[-1]["unmapped"]
        assert unmapped["not_scanned"] == ["logo.png: binary: a PNG image"]
        assert unmapped["unknown"] == ["e" * 32]


class TestOpenLineage:
    @pytest.mark.parametrize("report", REPORTS)
    def test_each_line_is_a_valid_run_event(self, report: Any) -> None:
        from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

        for event in json_lines(OpenLineageExporter, report):
            read = RunEvent(
                eventTime=event["eventTime"],
                producer=event["producer"],
                run=Run(event["run"]["runId"]),
                job=Job(event["job"]["namespace"], event["job"]["name"]),
                eventType=RunState[event["eventType"]],
            )
            assert read.run.runId == event["run"]["runId"]

    def test_the_run_and_each_artifact_start_and_end(self) -> None:
        events = json_lines(OpenLineageExporter, sample_report())
        actual = [(event["job"]["name"], event["eventType"]) for event in events]
        assert actual[0] == ("Nightly scan", "START")
        assert actual[-1] == ("Nightly scan", "COMPLETE")
        assert ("Nightly scan.personal_data", "COMPLETE") in actual
        assert ("Nightly scan.archive", "FAIL") in actual
        assert not any(name == "Nightly scan.archived" for name, _ in actual)
        assert [event["eventTime"] for event in events] == sorted(event["eventTime"] for event in events)

    def test_inputs_of_an_artifact_are_input_datasets(self) -> None:
        events = json_lines(OpenLineageExporter, sample_report())
        (made,) = [event for event in events if event["job"]["name"].endswith(".personal_data") and event["outputs"]]
        assert [dataset["name"] for dataset in made["inputs"]] == ["Nightly scan/files", "Nightly scan/database"]
        assert made["outputs"][0]["facets"]["version"]["datasetVersion"] == "1" * 64

    def test_an_incomplete_run_aborts_with_its_reason(self) -> None:
        last = json_lines(OpenLineageExporter, failed_report())[-1]
        assert last["eventType"] == "ABORT"
        assert "it timed out" in last["run"]["facets"]["errorMessage"]["message"]
        assert last["run"]["facets"]["waivern_coverage"]["notScanned"][0]["name"] == "logo.png"
