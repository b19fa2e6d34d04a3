"""The exporter that the page on plug-ins shows does what it says."""

from typing import Any

from tests.docs.pages import files_in
from waivern.testing.exporter_contract import ExporterContract, written
from waivern.testing.sample_reports import failed_report, sample_report


def shown() -> Any:
    names: dict[str, Any] = {}
    exec(files_in("docs/plug-ins.md")["severity_counts.py"], names)
    return names["SeverityCountsExporter"]


def test_it_counts_findings_and_says_what_is_missing() -> None:
    told = written(shown(), sample_report()).decode()
    assert told == "critical: 1\nlow: 1\nmedium: 1\nnot scanned: 1\n"
    assert "it timed out" in written(shown(), failed_report()).decode()


def test_it_holds_to_the_contract_but_for_its_entry_point() -> None:
    contract = ExporterContract()
    for name in dir(contract):
        if name.startswith("test_") and name != "test_its_name_is_that_of_its_entry_point":
            getattr(contract, name)(shown())
