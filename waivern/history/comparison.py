"""What came and what went between two runs of a runbook, and why.

What a run did not look at is unknown, never fixed: an artifact that was not made, a file or table that was left out or
read in part.
"""

from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from waivern.history.finding import Finding, each_once
from waivern.history.finding_history import HeldSet
from waivern.history.omissions import Omissions
from waivern.history.run_history import RunRecord


class Change(StrEnum):
    """What became of a finding from the base to the head."""

    NEW = "new"
    REOPENED = "reopened"
    FIXED = "fixed"
    CHANGED = "changed"
    UNKNOWN = "unknown"
    UNCHANGED = "unchanged"


class Reason(StrEnum):
    """Why: the data is another, the rules are, or what was looked at is."""

    DATA = "data"
    RULES = "rules"
    SCOPE = "scope"


class Difference(msgspec.Struct, frozen=True, gc=False):
    """One finding and what became of it; `finding` is the head's, or the base's where the head has none.

    `because` says in words what the scope lacks; None where the reason is another.
    """

    change: Change
    finding: Finding
    reason: Reason | None = None
    before: Finding | None = None
    because: str | None = None


@dataclass(frozen=True)
class Side:
    """What one of the two runs found.

    Args:
        run: The run.
        findings: (artifact id, finding) each.
        held: Of the artifacts that hold findings, by id.
        omissions: Says of an artifact what was not looked at on the way to it; asked when needed.
    """

    run: RunRecord
    findings: Sequence[tuple[str, Finding]]
    held: Mapping[str, HeldSet]
    omissions: Callable[[str], Omissions]


@dataclass(frozen=True)
class Comparison:
    """All differences between two runs, and what did not change, by change, source, place and rule."""

    base: RunRecord
    head: RunRecord
    differences: Sequence[Difference]

    def of(self, change: Change) -> list[Difference]:
        return [each for each in self.differences if each.change is change]

    def in_numbers(self) -> dict[str, int]:
        """Return how many differences of each kind there are."""
        numbers = Counter(each.change for each in self.differences)
        return {change.value: numbers[change] for change in Change}


class _Found:
    """A side's findings by fingerprint: of what several artifacts hold, what a classifier said, and who holds it."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.findings = each_once(finding for _, finding in side.findings)
        self.holders: dict[str, tuple[str, ...]] = {}
        alone: dict[str, tuple[str, ...]] = {}
        for artifact_id, finding in side.findings:
            others = self.holders.get(finding.fingerprint)
            only = alone.setdefault(artifact_id, (artifact_id,))
            self.holders[finding.fingerprint] = only if others is None else others + only


def compare(base: Side, head: Side, *, seen_before: Callable[[Collection[str]], Collection[str]]) -> Comparison:
    """Compare two runs of one runbook.

    Args:
        base: The earlier one.
        head: The later one.
        seen_before: Says which of some fingerprints were found by a run before the base.
    """
    before, after = _Found(base), _Found(head)
    came = after.findings.keys() - before.findings.keys()
    known = set(seen_before(came)) if came else set()
    differences = [
        *_in_both(before, after),
        *(_came(after.findings[name], before, after, is_known=name in known) for name in came),
        *(_went(before.findings[name], before, after) for name in before.findings.keys() - after.findings.keys()),
    ]
    return Comparison(base.run, head.run, sorted(differences, key=_order))


def _in_both(before: _Found, after: _Found) -> Iterator[Difference]:
    for fingerprint, finding in after.findings.items():
        was = before.findings.get(fingerprint)
        if was is None:
            continue
        if was == finding:
            yield Difference(Change.UNCHANGED, finding)
        else:
            reason = _rules_or_data(fingerprint, before, after)
            yield Difference(Change.CHANGED, finding, reason, before=was)


def _came(finding: Finding, before: _Found, after: _Found, *, is_known: bool) -> Difference:
    change = Change.REOPENED if is_known else Change.NEW
    because = _not_looked_at(finding, after.holders[finding.fingerprint], before.side)
    if because is not None:
        return Difference(change, finding, Reason.SCOPE, because=because)
    return Difference(change, finding, _rules_or_data(finding.fingerprint, before, after))


def _went(finding: Finding, before: _Found, after: _Found) -> Difference:
    because = _not_looked_at(finding, before.holders[finding.fingerprint], after.side)
    if because is not None:
        return Difference(Change.UNKNOWN, finding, Reason.SCOPE, before=finding, because=because)
    return Difference(Change.FIXED, finding, _rules_or_data(finding.fingerprint, before, after), before=finding)


def _not_looked_at(finding: Finding, artifacts: Iterable[str], side: Side) -> str | None:
    return why_not_looked_at(finding.location, artifacts, side.held, side.omissions)


def why_not_looked_at(
    place: str, artifacts: Iterable[str], held: Container[str], omissions: Callable[[str], Omissions]
) -> str | None:
    """Say why a run could not find something at a place; None where it could.

    Args:
        place: The place.
        artifacts: Those of other runs that held it.
        held: Those of this run that hold findings.
        omissions: Says of one of these what was not looked at on the way to it.
    """
    because: str | None = None
    for artifact_id in artifacts:
        if artifact_id not in held:
            because = because or f"'{artifact_id}' was not made"
            continue
        left_out = omissions(artifact_id).reason_for(place)
        if left_out is None:
            return None
        because = left_out
    return because


def _rules_or_data(fingerprint: str, before: _Found, after: _Found) -> Reason:
    if _look_at_the_same(before.side.run, after.side.run):
        return Reason.RULES
    holders = {*before.holders.get(fingerprint, ()), *after.holders.get(fingerprint, ())}
    for artifact_id in holders:
        was, now = before.side.held.get(artifact_id), after.side.held.get(artifact_id)
        if was is not None and now is not None and _rules(was) != _rules(now):
            return Reason.RULES
    return Reason.DATA


def _look_at_the_same(one: RunRecord, other: RunRecord) -> bool:
    """Say whether both looked at what one run had read: then no difference comes of the data."""
    is_reanalysis = one.reanalysis_of is not None or other.reanalysis_of is not None
    return is_reanalysis and (one.reanalysis_of or one.id) == (other.reanalysis_of or other.id)


def _rules(held: HeldSet) -> tuple[str | None, str | None]:
    return held.ruleset, held.rules_version


_IN_ORDER = list(Change)


def _order(difference: Difference) -> tuple[int, str, str, str, str]:
    finding = difference.finding
    place = (finding.source, finding.location, finding.rule, finding.fingerprint)
    return (_IN_ORDER.index(difference.change), *place)
