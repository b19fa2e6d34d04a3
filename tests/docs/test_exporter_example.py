"""The example exporter in the documentation of plug-ins works."""

from typing import Any

from tests.docs.pages import files_in
from waivern.testing.exporter_contract import ExporterContract, written
from waivern.testing.sample_reports import failed_report, sample_report


def example_exporter() -> Any:
    names: dict[str, Any] = {}
    exec(files_in("docs/plug-ins.md")["severity_counts.py"], names)
    return names["SeverityCountsExporter"]


def test_it_counts_findings_and_what_was_not_scanned() -> None:
    output = written(example_exporter(), sample_report()).decode()
    assert output == "critical: 1\nlow: 1\nmedium: 1\nnot scanned: 1\n"
    assert "it timed out" in written(example_exporter(), failed_report()).decode()


def test_it_passes_the_contract_except_for_the_entry_point() -> None:
    contract = ExporterContract()
    for name in dir(contract):
        if name.startswith("test_") and name != "test_its_name_matches_its_entry_point":
            getattr(contract, name)(example_exporter())
