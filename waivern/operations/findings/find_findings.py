"""Ask how findings stand, over all runs of all runbooks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waivern.errors import ArtifactStoreError, DecisionError
from waivern.history.current_findings import CurrentFinding, FindingFilter, Order, Stay
from waivern.history.finding import entry_in
from waivern.history.records_as_json import finding_as_json, instant_as_json
from waivern.operations.application import Application
from waivern.operations.findings.decision_status import DecisionOnFinding, decision_as_json, decisions_on, today

LEAST_PREFIX = 6
_SHOWN_OF_AMBIGUOUS = 5


@dataclass(frozen=True)
class FindingDetails:
    """All that is known of one finding.

    Args:
        fingerprint: Its own, in full.
        standings: How it stands in each runbook that has it.
        stays: The runs that found it, those together that follow one another; the first ones first.
        decisions: What was decided about it, by its fingerprint or by a pattern, the oldest first.
        looked: As the newest artifact that is still kept holds it, with masked evidence; None where none is.
        seen_in: The run and the artifact that `looked` is from.
    """

    fingerprint: str
    standings: Sequence[CurrentFinding]
    stays: Sequence[Stay]
    decisions: Sequence[DecisionOnFinding]
    looked: Mapping[str, Any] | None
    seen_in: tuple[str, str] | None


def list_findings(
    application: Application,
    wanted: FindingFilter,
    *,
    order: Order = Order.NEWEST,
    after: str | None = None,
    limit: int,
) -> Sequence[CurrentFinding]:
    """Return up to `limit` findings; `after` is the key of the last one of the page before.

    Raises:
        UsageError: `after` is no such key.
    """
    known, day = application.storage.known, today()
    known.settle(today=day)
    return known.page(wanted, order=order, after=after, limit=limit, today=day)


def show_finding(application: Application, fingerprint: str) -> FindingDetails:
    """Return all that is known of a finding, by its fingerprint or the beginning of it.

    Raises:
        DecisionError: no run found it, or more than one finding begins so.
    """
    storage, day = application.storage, today()
    name = resolve_fingerprint(application, fingerprint)
    storage.known.settle(today=day)
    stays = storage.known.stays_of(name)
    looked, seen_in = _as_it_looked(application, name, stays)
    standings = storage.known.with_fingerprint(name, today=day)
    return FindingDetails(name, standings, stays, decisions_on(storage, name, standings), looked, seen_in)


def resolve_fingerprint(application: Application, beginning: str) -> str:
    """Return the one fingerprint that begins so.

    Raises:
        DecisionError: no run found one, or there are several, or too little of it is given.
    """
    wanted = beginning.strip().lower()
    if len(wanted) < LEAST_PREFIX:
        raise DecisionError(f"'{beginning}' is too short", remedy=f"Give {LEAST_PREFIX} digits of it at the least")
    found = application.storage.known.fingerprints(wanted, limit=_SHOWN_OF_AMBIGUOUS)
    if not found:
        raise DecisionError(f"No run has found '{beginning}'", remedy="`waivern findings` lists what was found")
    if len(found) > 1 and wanted not in found:
        raise DecisionError(f"More than one finding begins with '{beginning}': {', '.join(found)}")
    return wanted if wanted in found else found[0]


def _as_it_looked(
    application: Application, fingerprint: str, stays: Sequence[Stay]
) -> tuple[Mapping[str, Any] | None, tuple[str, str] | None]:
    for stay in sorted(stays, key=lambda each: each.last_at, reverse=True):
        try:
            message = application.storage.history.message_of(stay.last_run, stay.artifact_id)
        except ArtifactStoreError:  # it was pruned, or cannot be read
            continue
        entry = entry_in(message, fingerprint)
        if entry is not None:
            return entry, (stay.last_run, stay.artifact_id)
    return None, None


def known_as_json(known: CurrentFinding) -> dict[str, Any]:
    """Return how a finding stands as a JSON object."""
    return {
        **finding_as_json(known.finding),
        "runbook": known.runbook,
        "status": known.status.value,
        "since": instant_as_json(known.since),
        "first_run": known.first_run,
        "first_at": instant_as_json(known.first_at),
        "last_run": known.last_run,
        "last_at": instant_as_json(known.last_at),
        "key": known.key,
    }


def finding_details_as_json(details: FindingDetails) -> dict[str, Any]:
    """Return all that is known of a finding as a JSON object."""
    seen_in = None if details.seen_in is None else dict(zip(("run", "artifact_id"), details.seen_in, strict=True))
    return {
        "fingerprint": details.fingerprint,
        "standings": [known_as_json(each) for each in details.standings],
        "stays": [_stay_as_json(each) for each in details.stays],
        "decisions": [{**decision_as_json(each.decision), "state": each.state.value} for each in details.decisions],
        "finding": None if details.looked is None else dict(details.looked),
        "seen_in": seen_in,
    }


def _stay_as_json(stay: Stay) -> dict[str, Any]:
    return {
        "runbook": stay.runbook,
        "artifact_id": stay.artifact_id,
        "first_run": stay.first_run,
        "first_at": instant_as_json(stay.first_at),
        "last_run": stay.last_run,
        "last_at": instant_as_json(stay.last_at),
        "runs": stay.runs,
        "finding": finding_as_json(stay.finding),
    }
