"""A SARIF log with one run: its rules, what was not scanned, and each finding as a result."""

from collections.abc import Iterator, Mapping
from typing import Any

from waivern import __version__
from waivern.exports.encoding.json_encoding import (
    drop_empty,
    encode_json,
    in_chunks,
    iso_milliseconds,
    json_array,
    stable_uuid,
)
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import PROJECT, Report
from waivern.exports.sarif.notifications import NOTIFICATIONS, notifications
from waivern.exports.sarif.results import Results
from waivern.exports.sarif.rules import Rules

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


class SarifExporter(Exporter):
    """Writes results while reading them, and then the rest of the run, such as the files that the results refer to."""

    extensions = ("sarif", "sarif.json", "json")

    @classmethod
    def get_name(cls) -> str:
        return "sarif"

    @classmethod
    def get_media_type(cls) -> str:
        return "application/sarif+json"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(_pieces(report))


def _pieces(report: Report) -> Iterator[bytes]:
    rules = Rules(report.rules)
    results = Results(report, rules)
    yield encode_json({"$schema": _SCHEMA, "version": "2.1.0"})[:-1] + b',"runs":[{"results":'
    yield from json_array(results)
    yield b"," + encode_json(_run_without_results(report, rules, results))[1:]
    yield b"]}\n"


def _run_without_results(report: Report, rules: Rules, results: Results) -> Mapping[str, Any]:
    run = report.run
    return drop_empty(
        tool={
            "driver": {
                "name": "Waivern",
                "version": __version__,
                "semanticVersion": __version__,
                "informationUri": PROJECT,
                "rules": rules.described(),
                "notifications": NOTIFICATIONS,
            }
        },
        invocations=[_invocation(report)],
        automationDetails={"id": f"{run.runbook}/{run.id}", "guid": str(stable_uuid("run", run.id))},
        baselineGuid=_baseline(report),
        columnKind="unicodeCodePoints",
        originalUriBaseIds=results.bases,
        artifacts=results.files,
        properties=drop_empty(runbook=run.runbook, run=run.id),
    )


def _baseline(report: Report) -> str | None:
    return None if report.comparison is None else str(stable_uuid("run", report.comparison.base.id))


def _invocation(report: Report) -> Mapping[str, Any]:
    run = report.run
    return drop_empty(
        executionSuccessful=report.is_complete,
        startTimeUtc=iso_milliseconds(run.started_at),
        endTimeUtc=iso_milliseconds(run.ended_at),
        toolExecutionNotifications=notifications(report),
    )
