"""The result of an executed run: everything that a terminal or a web page shows of it, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from waivern.errors import WaivernError
from waivern.formats.records_as_json import run_details_as_json
from waivern.history.run_records import RunDetails
from waivern.operations.exports.export_artifacts import ExportedArtifacts
from waivern.operations.exports.export_run import ExportResult
from waivern.operations.runs.conclude_run import Conclusion, conclusion_as_json
from waivern.runs.run import RunStatus

_NO_CONCLUSION: dict[str, Any] = {"since_last_run": None, "gates": [], "decisions": {"expired": [], "stale": []}}


@dataclass(frozen=True)
class RunReport:
    """An executed run, which is closed.

    Args:
        status: Its final status.
        details: The run with its artifacts and attempts.
        conclusion: The comparison, gates and decisions; None if they could not be read.
        files: The artifact files that were written to the requested folder.
        exports: The exports that were written.
        warnings: Problems that change neither the run's status nor its gates.
        error: Why the gates were not evaluated or an export was not written. Steps after it were left out.
    """

    status: RunStatus
    details: RunDetails
    conclusion: Conclusion | None = None
    files: ExportedArtifacts | None = None
    exports: Sequence[ExportResult] = ()
    warnings: Sequence[str] = ()
    error: WaivernError | None = None

    @property
    def has_succeeded(self) -> bool:
        return self.status is RunStatus.SUCCEEDED

    @property
    def has_failed_gates(self) -> bool:
        return self.conclusion is not None and bool(self.conclusion.failed_gates)

    def with_error(self, error: WaivernError) -> "RunReport":
        """Return the report of a run for which a later step has failed."""
        return replace(self, error=error)


def report_as_json(report: RunReport) -> dict[str, Any]:
    """Return the report as a JSON object: the run's keys, `since_last_run`, `gates` and `decisions`."""
    conclusion = report.conclusion
    return {
        **run_details_as_json(report.details),
        **(_NO_CONCLUSION if conclusion is None else conclusion_as_json(conclusion)),
    }
