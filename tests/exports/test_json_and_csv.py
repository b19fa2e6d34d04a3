"""JSON and CSV: their keys and columns, and texts that are no formulas."""

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from tests.docs.pages import names_in_first_cells, section_of
from waivern.exports.csv_exporter import COLUMNS, CsvExporter
from waivern.exports.encoding.spreadsheet_cells import spreadsheet_cell
from waivern.exports.json_exporter import JsonExporter
from waivern.exports.model.reported_finding import Evidence, Location, ReportedFinding
from waivern.testing.exporter_contract import written
from waivern.testing.sample_reports import failed_report, sample_finding, sample_report


def test_the_json_keys_are_documented() -> None:
    content = json.loads(written(JsonExporter, sample_report()))
    assert list(content) == described("json", "the report")
    assert list(content["findings"][0]) == described("json", "a finding")
    assert content["incomplete_reason"] is None
    assert [finding["fingerprint"][0] for finding in content["comparison"]["fixed"]] == ["d"]
    assert content["findings"][2]["evidence"] is None
    assert content["findings"][1]["decision"]["verdict"] == "accepted"


def test_a_failed_run_has_an_incomplete_reason() -> None:
    content = json.loads(written(JsonExporter, failed_report()))
    assert content["complete"] is False
    assert content["incomplete_reason"].startswith("The run is incomplete: it timed out: The deadline has passed")


def test_the_csv_columns_are_documented() -> None:
    head, *rows = csv.reader(io.StringIO(written(CsvExporter, sample_report()).decode(), newline=""))
    assert head == list(COLUMNS) == described("csv", "the table")
    assert [dict(zip(head, row, strict=True))["change"] for row in rows] == [
        "new",
        "changed",
        "unchanged",
        "fixed",
        "unknown",
    ]
    assert dict(zip(head, rows[1], strict=True))["decision_owner"] == "Ann"


def described(form: str, of: str) -> list[str]:
    word = "column" if form == "csv" else "key"
    blocks = section_of("docs/exports.md", f"`{form}`").split("\n\n")
    return names_in_first_cells(next(block for block in blocks if block.startswith(f"| {word} of {of} |")))


ANY_TEXT = st.text(st.characters(codec="utf-8"))


@given(ANY_TEXT)
def test_no_cell_is_a_formula(text: str) -> None:
    cell = spreadsheet_cell(text)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert not any(character in cell for character in "\x00\x1b\r")


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_any_finding_is_one_row_without_formulas(rule: str, place: str, sample: str) -> None:
    finding = ReportedFinding(
        sample_finding(rule=rule, location=place), ("x",), Location(place), (Evidence(sample),), (sample,), None
    )
    text = written(CsvExporter, sample_report([finding], comparison=None)).decode()
    head, row = csv.reader(io.StringIO(text, newline=""))
    assert len(head) == len(row)
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
