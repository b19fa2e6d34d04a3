"""Ask what changed between two runs of a runbook."""

import functools
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

from waivern.errors import PrunedArtifactError, RunError, UsageError
from waivern.gc_tuning import without_collecting
from waivern.history.comparison import Change, Comparison, Difference, Side, compare
from waivern.history.finding import Finding, each_once, findings_in
from waivern.history.finding_history import HeldSet
from waivern.history.omissions import ANYTHING, Omissions
from waivern.history.records_as_json import finding_as_json, run_as_json
from waivern.history.run_history import ArtifactRecord, RunFilter, RunRecord
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.message import Message
from waivern.messages.overview import Overview
from waivern.messages.schema import Schema
from waivern.operations.application import Application
from waivern.runbooks.reading.runbook_loader import read_runbook_name
from waivern.runs.run import UNFINISHED, ArtifactStatus, RunStatus


def compare_runs(application: Application, base: str, head: str) -> Comparison:
    """Compare two runs, by their ids, prefixes of them, or "latest"; `base` is the earlier one.

    Raises:
        RunError: there is no such run, one of them is still going, or they are of different runbooks.
    """
    history = application.storage.history
    return _compared(application, history.find(base), history.find(head))


def compare_last_runs(application: Application, runbook: str) -> Comparison:
    """Compare the last two complete runs of a runbook that read their sources, by its name or its file.

    Raises:
        RunbookError: the file cannot be read.
        RunError: it has fewer than two complete runs.
    """
    name = read_runbook_name(runbook)
    wanted = RunFilter(runbook=name, status=RunStatus.SUCCEEDED, without_reanalyses=True)
    complete = application.storage.history.recent(wanted, limit=2)
    if len(complete) < 2:
        if not complete:
            _refuse_a_run_alone(application, runbook)
        raise RunError(
            f"'{name}' has {'one complete run' if complete else 'no complete run'}; two are needed",
            remedy="`waivern history` lists runs; `waivern diff RUN_A RUN_B` compares any two of one runbook",
        )
    return _compared(application, complete[1], complete[0])


def _refuse_a_run_alone(application: Application, named: str) -> None:
    with suppress(RunError):
        run = application.storage.history.find(named)
        raise UsageError(
            f"{run.id} is a run of '{run.runbook}': one alone cannot be compared",
            remedy=f"Name the other one too, or the runbook: waivern diff '{run.runbook}'",
        )


def compare_to_last(application: Application, run: RunRecord) -> Comparison | None:
    """Compare a run to the complete run of its runbook that was before it; None where there was none.

    A reanalysis is compared to the run whose sources it looked at again, if that is in this database.
    """
    if run.reanalysis_of is not None:
        return _compared_to_origin(application, run.reanalysis_of, run)
    succeeded = RunStatus.SUCCEEDED
    wanted = RunFilter(runbook=run.runbook, status=succeeded, until=run.created_at, without_reanalyses=True)
    before = application.storage.history.recent(wanted, limit=1)
    return _compared(application, before[0], run) if before else None


def _compared_to_origin(application: Application, origin: str, run: RunRecord) -> Comparison | None:
    try:
        base = application.storage.history.find(origin)
    except RunError:  # the reanalysis alone was restored from an archive
        return None
    return _compared(application, base, run)


def findings_held(application: Application, run: RunRecord) -> list[Finding]:
    """Return all that a run holds, each fingerprint once."""
    held = application.storage.findings.sets_of(run.id)
    found = [finding for _, finding in application.storage.findings.findings_of(run.id)]
    found += [each for _, message in _kept_without_rows(application, run, held) for each in findings_in(message) or ()]
    return list(each_once(found).values())


def _compared(application: Application, base: RunRecord, head: RunRecord) -> Comparison:
    for run in (base, head):
        if run.status in UNFINISHED:
            raise RunError(f"Run {run.id} is still {run.status.value}", remedy="Compare runs that have ended")
    if base.runbook != head.runbook:
        raise RunError(
            f"The runs are of different runbooks: '{base.runbook}' and '{head.runbook}'",
            remedy="Findings are told apart by what a runbook names, so only runs of one runbook can be compared",
        )
    seen_before = functools.partial(
        application.storage.findings.seen_before, base.runbook, before=base.started_at or base.created_at
    )
    with without_collecting():
        return compare(_side(application, base), _side(application, head), seen_before=seen_before)


def _side(application: Application, run: RunRecord) -> Side:
    storage = application.storage

    @functools.cache
    def by_id() -> Mapping[str, ArtifactRecord]:
        return {artifact.artifact_id: artifact for artifact in storage.history.artifacts_of(run.id)}

    @functools.cache
    def omissions(artifact_id: str) -> Omissions:
        noted = storage.findings.omissions_of(run.id, artifact_id)
        if noted is not None:
            return noted
        try:
            return Omissions.of(storage.history.envelope_without(run.id, artifact_id, "findings"))
        except PrunedArtifactError:
            return _omissions_of_pruned(by_id()[artifact_id].overview)

    held = dict(storage.findings.sets_of(run.id))
    found = list(storage.findings.findings_of(run.id))
    for artifact_id, message in _kept_without_rows(application, run, held):
        analysis = message.content.get("analysis_metadata", {})
        held[artifact_id] = HeldSet(0, analysis.get("ruleset"), analysis.get("rules_version"))
        found += [(artifact_id, finding) for finding in findings_in(message) or ()]
    return Side(run, found, held, omissions)


def _kept_without_rows(
    application: Application, run: RunRecord, held: Collection[str]
) -> Iterator[tuple[str, Message]]:
    """The messages of findings of a run that an earlier version of Waivern made, which kept no rows of them."""
    history, catalogue = application.storage.history, schema_catalogue()
    for artifact in history.artifacts_of(run.id):
        if artifact.schema is None or artifact.pruned_at is not None or artifact.artifact_id in held:
            continue
        if artifact.status is not ArtifactStatus.SUCCEEDED:
            continue
        if catalogue.items_key(Schema.parse(artifact.schema)) == "findings":
            yield artifact.artifact_id, history.message_of(run.id, artifact.artifact_id)


def _omissions_of_pruned(overview: Overview | None) -> Omissions:
    """What the overview of a pruned message still tells: of many omissions, only the first."""
    if overview is None:
        return Omissions({ANYTHING: "what its message said was left out was pruned"}, {})
    examples = {"not_scanned": overview.not_scanned_examples, "sampled": overview.sampled_examples}
    told = Omissions.of({"analysis_metadata": examples})
    beyond = overview.not_scanned + overview.sampled - sum(map(len, examples.values()))
    some = {ANYTHING: f"{beyond:,} more were left out, and the message that named them was pruned"} if beyond else {}
    return Omissions({**told.left_out, **some}, told.in_part)


def comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as a JSON object: runs, counts, and a list of findings for each change."""
    return {
        "base": run_as_json(comparison.base),
        "head": run_as_json(comparison.head),
        "summary": comparison.in_numbers(),
        **{change.value: [_difference_as_json(each) for each in comparison.of(change)] for change in Change},
    }


def _difference_as_json(difference: Difference) -> dict[str, Any]:
    told = finding_as_json(difference.finding)
    told["reason"] = None if difference.reason is None else difference.reason.value
    if difference.because is not None:
        told["because"] = difference.because
    if difference.change is Change.CHANGED and difference.before is not None:
        told["before"] = finding_as_json(difference.before)
    return told
