"""Compare the findings of two runs of a runbook."""

import functools
from contextlib import suppress
from typing import Any

from waivern.errors import RunError, UsageError
from waivern.formats.records_as_json import finding_as_json, run_as_json
from waivern.gc_tuning import gc_paused
from waivern.history.comparison import Change, ComparedRun, Comparison, Difference, compare
from waivern.history.finding import Finding, unique_findings
from waivern.history.run_records import RunFilter, RunRecord
from waivern.operations.application import Application
from waivern.runbooks.reading.runbook_loader import read_runbook_name
from waivern.runs.run import UNFINISHED, RunStatus


def compare_runs(application: Application, base: str, head: str) -> Comparison:
    """Compare two runs, by their ids, prefixes of them, or "latest"; `base` is the earlier one.

    Raises:
        RunError: there is no such run, one of them has not ended, or they are of different runbooks.
    """
    history = application.storage.history
    return _compare(application, history.find(base), history.find(head))


def compare_last_runs(application: Application, runbook: str) -> Comparison:
    """Compare the last two complete runs of a runbook, by its name or its file; reanalyses do not count.

    Raises:
        RunbookError: the file cannot be read.
        RunError: it has fewer than two complete runs.
    """
    name = read_runbook_name(runbook)
    complete = RunFilter(runbook=name, status=RunStatus.SUCCEEDED, without_reanalyses=True)
    newest = application.storage.history.recent(complete, limit=2)
    if len(newest) < 2:
        if not newest:
            _refuse_single_run(application, runbook)
        raise RunError(
            f"'{name}' has {'one complete run' if newest else 'no complete run'}; two are needed",
            remedy="`waivern history` lists runs; `waivern diff RUN_A RUN_B` compares any two of one runbook",
        )
    return _compare(application, newest[1], newest[0])


def _refuse_single_run(application: Application, name: str) -> None:
    with suppress(RunError):
        run = application.storage.history.find(name)
        raise UsageError(
            f"{run.id} is a run of '{run.runbook}'; two runs are needed",
            remedy=f"Give a second run, or the runbook: waivern diff '{run.runbook}'",
        )


def compare_to_last(application: Application, run: RunRecord) -> Comparison | None:
    """Compare a run with the previous complete run of its runbook; None if there is none.

    A reanalysis is compared with the run whose data it analysed, if that is in this database.
    """
    if run.reanalysis_of is not None:
        return _compare_to_origin(application, run.reanalysis_of, run)
    previous = RunFilter(runbook=run.runbook, status=RunStatus.SUCCEEDED, until=run.created_at, without_reanalyses=True)
    newest = application.storage.history.recent(previous, limit=1)
    return _compare(application, newest[0], run) if newest else None


def _compare_to_origin(application: Application, origin: str, run: RunRecord) -> Comparison | None:
    try:
        base = application.storage.history.find(origin)
    except RunError:  # only the reanalysis was restored from an archive
        return None
    return _compare(application, base, run)


def findings_of_run(application: Application, run: RunRecord) -> list[Finding]:
    """Return all findings of a run, each fingerprint once."""
    found = application.storage.history.findings_of(run.id)
    return list(unique_findings(finding for _, finding in found).values())


def _compare(application: Application, base: RunRecord, head: RunRecord) -> Comparison:
    for run in (base, head):
        if run.status in UNFINISHED:
            raise RunError(f"Run {run.id} is still {run.status.value}", remedy="Compare runs that have ended")
    if base.runbook != head.runbook:
        raise RunError(
            f"The runs are of different runbooks: '{base.runbook}' and '{head.runbook}'",
            remedy="Compare two runs of the same runbook",
        )
    seen_before = functools.partial(
        application.storage.history.seen_before, base.runbook, before=base.started_at or base.created_at
    )
    with gc_paused():
        return compare(_compared(application, base), _compared(application, head), seen_before=seen_before)


def _compared(application: Application, run: RunRecord) -> ComparedRun:
    history = application.storage.history
    return ComparedRun(
        run=run,
        findings=history.findings_of(run.id),
        snapshots=history.snapshots_of(run.id),
        coverage_gaps=functools.cache(functools.partial(history.coverage_gaps_of, run.id)),
    )


def comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as a JSON object: the runs, the counts, and a list of findings for each change."""
    return {
        "base": run_as_json(comparison.base),
        "head": run_as_json(comparison.head),
        "summary": comparison.counts(),
        **{
            change.value: [_difference_as_json(difference) for difference in comparison.of(change)] for change in Change
        },
    }


def _difference_as_json(difference: Difference) -> dict[str, Any]:
    entry = finding_as_json(difference.finding)
    entry["reason"] = None if difference.reason is None else difference.reason.value
    if difference.because is not None:
        entry["because"] = difference.because
    if difference.change is Change.CHANGED and difference.before is not None:
        entry["before"] = finding_as_json(difference.before)
    return entry
