"""CSV (RFC 4180): one finding a row, for spreadsheets and scripts."""

import itertools
from collections.abc import Iterator
from typing import Any

from waivern.exports.encoding.json_encoding import in_chunks
from waivern.exports.encoding.spreadsheet_cells import csv_lines, escape_formula
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.json_exporter import full_finding_as_json
from waivern.exports.model.report import Report
from waivern.history.comparison import Change
from waivern.history.records_as_json import finding_as_json

COLUMNS = (
    *("run", "runbook", "fingerprint", "rule", "category", "severity", "special_category", "confidence"),
    *("match_count", "source", "location", "file_path", "table", "column", "lines", "evidence", "reasons", "ruleset"),
    *("artifacts", "change", "change_reason", "change_because"),
    *("decision", "decision_reason", "decision_owner", "decision_until"),
)
_JOINED_BY = {"lines": " ", "reasons": "; ", "artifacts": " "}


class CsvExporter(Exporter):
    """Its columns are added, at the end, never renamed or removed. What only the run before had found stands last."""

    endings = ("csv",)

    @classmethod
    def get_name(cls) -> str:
        return "csv"

    @classmethod
    def get_media_type(cls) -> str:
        return "text/csv"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(csv_lines(itertools.chain([COLUMNS], _rows(report))))


def _rows(report: Report) -> Iterator[list[Any]]:
    same = {"run": report.run.id, "runbook": report.run.runbook}
    for reported in report.findings:
        told = {**same, **full_finding_as_json(reported)}
        decision = told.pop("decision") or {}
        told["decision"] = decision.get("verdict")
        told.update({f"decision_{key}": decision.get(key) for key in ("reason", "owner", "until")})
        yield [_cell(column, told.get(column)) for column in COLUMNS]
    for difference in (*report.gone(Change.FIXED), *report.gone(Change.UNKNOWN)):
        told = {
            **same,
            **finding_as_json(difference.finding),
            "change": difference.change.value,
            "change_reason": None if difference.reason is None else difference.reason.value,
            "change_because": difference.because,
        }
        yield [_cell(column, told.get(column)) for column in COLUMNS]


def _cell(column: str, value: Any) -> Any:
    if column == "evidence" and value is not None:
        return escape_formula("; ".join(_sample(each) for each in value))
    if isinstance(value, list):
        return escape_formula(_JOINED_BY[column].join(map(str, value)))
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape_formula(value) if isinstance(value, str) else value


def _sample(evidence: Any) -> str:
    return f"line {evidence['line']}: {evidence['content']}" if evidence["line"] else str(evidence["content"])
