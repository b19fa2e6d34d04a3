"""CSV (RFC 4180), one finding per row, for spreadsheets and scripts."""

import itertools
from collections.abc import Iterator
from typing import Any

from waivern.exports.encoding.json_encoding import in_chunks
from waivern.exports.encoding.spreadsheet_cells import csv_lines, spreadsheet_cell
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.json_exporter import full_finding_as_json, missing_finding_as_json
from waivern.exports.model.report import Report
from waivern.history.comparison import Change

COLUMNS = (
    *("run", "runbook", "fingerprint", "rule", "category", "severity", "special_category", "confidence"),
    *("match_count", "source", "location", "file_path", "table", "column", "lines", "evidence", "reasons", "ruleset"),
    *("artifacts", "change", "change_reason", "change_detail"),
    *("decision", "decision_reason", "decision_owner", "decision_until"),
)
_SEPARATORS = {"lines": " ", "reasons": "; ", "artifacts": " "}


class CsvExporter(Exporter):
    """The columns are stable: new ones are added at the end, none is renamed or removed.

    Findings that only the previous run has come last.
    """

    extensions = ("csv",)

    @classmethod
    def get_name(cls) -> str:
        return "csv"

    @classmethod
    def get_media_type(cls) -> str:
        return "text/csv"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(csv_lines(itertools.chain([COLUMNS], _rows(report))))


def _rows(report: Report) -> Iterator[list[Any]]:
    run = {"run": report.run.id, "runbook": report.run.runbook}
    for reported in report.findings:
        values = {**run, **full_finding_as_json(reported)}
        decision = values.pop("decision") or {}
        values["decision"] = decision.get("verdict")
        values.update({f"decision_{key}": decision.get(key) for key in ("reason", "owner", "until")})
        yield [_cell(column, values.get(column)) for column in COLUMNS]
    for difference in (*report.no_longer_found(Change.FIXED), *report.no_longer_found(Change.UNKNOWN)):
        values = {**run, **missing_finding_as_json(difference), "change": difference.change.value}
        yield [_cell(column, values.get(column)) for column in COLUMNS]


def _cell(column: str, value: Any) -> Any:
    if column == "evidence" and value is not None:
        return spreadsheet_cell("; ".join(_sample(evidence) for evidence in value))
    if isinstance(value, list):
        return spreadsheet_cell(_SEPARATORS[column].join(map(str, value)))
    if isinstance(value, bool):
        return "true" if value else "false"
    return spreadsheet_cell(value) if isinstance(value, str) else value


def _sample(evidence: Any) -> str:
    return f"line {evidence['line']}: {evidence['content']}" if evidence["line"] else str(evidence["content"])
