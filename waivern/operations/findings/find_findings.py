"""Find findings and show one: the current findings of all runbooks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waivern.errors import ArtifactStoreError, DecisionError
from waivern.formats.records_as_json import decision_as_json, finding_as_json, instant_as_json
from waivern.history.current_findings import CurrentFinding, FindingFilter, Order, Presence
from waivern.history.finding import finding_entry
from waivern.operations.application import Application
from waivern.operations.findings.decision_status import DecisionOnFinding, decisions_on, today

_MIN_PREFIX = 6
_MAX_SHOWN_CANDIDATES = 5


@dataclass(frozen=True)
class Holder:
    """An artifact of a run that holds a finding."""

    run_id: str
    artifact_id: str


@dataclass(frozen=True)
class FoundEntry:
    """A finding as an artifact holds it.

    Args:
        holder: The artifact.
        entry: The finding's entry in the artifact's message, with masked evidence.
        analysis: The message's metadata about the analysis: the ruleset and its version.
    """

    holder: Holder
    entry: Mapping[str, Any]
    analysis: Mapping[str, Any]


@dataclass(frozen=True)
class FindingDetails:
    """Everything about one finding.

    Args:
        fingerprint: Its full fingerprint.
        current: The finding as it is now, in each runbook that has it.
        presences: In which consecutive runs it was present, oldest first.
        decisions: The decisions about it, by its fingerprint or by a pattern, oldest first.
        evidence: Its entry in the newest artifact whose content still exists; None if there is none.
    """

    fingerprint: str
    current: Sequence[CurrentFinding]
    presences: Sequence[Presence]
    decisions: Sequence[DecisionOnFinding]
    evidence: FoundEntry | None


def list_findings(
    application: Application,
    finding_filter: FindingFilter,
    *,
    order: Order = Order.NEWEST,
    after: str | None = None,
    limit: int,
) -> Sequence[CurrentFinding]:
    """Return up to `limit` findings; `after` is the key of the last finding of the previous page.

    Raises:
        UsageError: `after` is not a valid key.
    """
    current_findings = application.storage.current_findings
    return current_findings.page(finding_filter, order=order, after=after, limit=limit, today=today())


def show_finding(application: Application, fingerprint: str) -> FindingDetails:
    """Return everything about a finding, by its fingerprint or a prefix of it.

    Raises:
        DecisionError: no run has found it, or more than one finding has this prefix.
    """
    storage = application.storage
    name = resolve_fingerprint(application, fingerprint)
    presences = storage.current_findings.presences_of(name)
    current = storage.current_findings.with_fingerprint(name, today=today())
    try:
        evidence: FoundEntry | None = newest_entry(application, name, newest_first(presences))
    except ArtifactStoreError:
        evidence = None
    return FindingDetails(name, current, presences, decisions_on(storage, name, current), evidence)


def resolve_fingerprint(application: Application, prefix: str) -> str:
    """Return the one fingerprint with this prefix, of all findings that any run has found.

    Raises:
        DecisionError: there is none, or more than one, or the prefix is too short.
    """
    wanted = prefix.strip().lower()
    if len(wanted) < _MIN_PREFIX:
        raise DecisionError(f"'{prefix}' is too short", remedy=f"Give at least {_MIN_PREFIX} digits of the fingerprint")
    found = application.storage.current_findings.fingerprints(wanted, limit=_MAX_SHOWN_CANDIDATES)
    if not found:
        raise DecisionError(f"No run has found '{prefix}'", remedy="`waivern findings` lists all findings")
    if len(found) > 1 and wanted not in found:
        raise DecisionError(f"More than one fingerprint starts with '{prefix}': {', '.join(found)}")
    return wanted if wanted in found else found[0]


def newest_first(presences: Iterable[Presence]) -> list[Holder]:
    """Return the artifacts that held a finding, newest run first."""
    in_order = sorted(presences, key=lambda presence: presence.last_at, reverse=True)
    return [
        Holder(run_id, presence.artifact_id)
        for presence in in_order
        for run_id in dict.fromkeys((presence.last_run, presence.first_run))
    ]


def newest_entry(application: Application, fingerprint: str, holders: Sequence[Holder]) -> FoundEntry:
    """Return a finding's entry in the first of some artifacts whose content can be read.

    Raises:
        ArtifactStoreError: none of them can be read; the error is that of the first.
    """
    error: ArtifactStoreError | None = None
    for holder in holders:
        try:
            message = application.storage.history.message_of(holder.run_id, holder.artifact_id)
        except ArtifactStoreError as unreadable:
            error = error or unreadable
            continue
        entry = finding_entry(message, fingerprint)
        if entry is not None:
            return FoundEntry(holder, entry, message.content.get("analysis_metadata", {}))
    raise error or ArtifactStoreError(f"No artifact holds the finding {fingerprint}")


def current_finding_as_json(current: CurrentFinding) -> dict[str, Any]:
    """Return a current finding as a JSON object."""
    return {
        **finding_as_json(current.finding),
        "runbook": current.runbook,
        "status": current.status.value,
        "since": instant_as_json(current.since),
        "first_run": current.first_run,
        "first_at": instant_as_json(current.first_at),
        "last_run": current.last_run,
        "last_at": instant_as_json(current.last_at),
        "key": current.key,
    }


def finding_details_as_json(details: FindingDetails) -> dict[str, Any]:
    """Return everything about a finding as a JSON object; `finding` and `found_in` are null without evidence."""
    evidence = details.evidence
    return {
        "fingerprint": details.fingerprint,
        "current": [current_finding_as_json(current) for current in details.current],
        "presences": [_presence_as_json(presence) for presence in details.presences],
        "decisions": [
            {**decision_as_json(decided.decision), "state": decided.state.value} for decided in details.decisions
        ],
        "finding": None if evidence is None else dict(evidence.entry),
        "found_in": None
        if evidence is None
        else {"run": evidence.holder.run_id, "artifact_id": evidence.holder.artifact_id},
    }


def _presence_as_json(presence: Presence) -> dict[str, Any]:
    return {
        "runbook": presence.runbook,
        "artifact_id": presence.artifact_id,
        "first_run": presence.first_run,
        "first_at": instant_as_json(presence.first_at),
        "last_run": presence.last_run,
        "last_at": instant_as_json(presence.last_at),
        "runs": presence.runs,
        "finding": finding_as_json(presence.finding),
    }
