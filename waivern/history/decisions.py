"""Decisions about findings: the verdict, who owns it, why, and until when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from waivern.errors import DecisionError
from waivern.history.location_pattern import LocationPattern

Target = tuple[str | None, str | None, str | None]
"""The fingerprint, or the rule and the location pattern, that a decision is about."""


class Verdict(StrEnum):
    """`suppressed`: a false positive; `accepted`: a legal basis or an accepted risk; `reopened`: neither any more."""

    SUPPRESSED = "suppressed"
    ACCEPTED = "accepted"
    REOPENED = "reopened"


class Origin(StrEnum):
    """Where a decision was made: by a command, or in the reviewed file beside a runbook."""

    COMMAND = "command"
    FILE = "file"


class Decidable(Protocol):
    """What a decision can match: a finding, or a database row of one."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def location(self) -> str: ...


@dataclass(frozen=True)
class Decision:
    """A verdict on one finding, or on all findings of a rule at matching locations.

    Args:
        verdict: The verdict.
        reason: Why.
        owner: Who is responsible for it.
        fingerprint: The finding's fingerprint; otherwise `rule` and `location` are given.
        rule: The rule's name.
        location: A pattern of locations, in which `*` matches any characters and `?` one.
        until: The last day on which it applies, in UTC; None: it does not expire.
        origin: Where it was made.
        runbook: The runbook that it applies to; None: every runbook.
        decided_at: When it took effect; None before it is stored.
        decided_by: The caller, or the name of the file; None before it is stored.
    """

    verdict: Verdict
    reason: str
    owner: str
    fingerprint: str | None = None
    rule: str | None = None
    location: str | None = None
    until: date | None = None
    origin: Origin = Origin.COMMAND
    runbook: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None

    def __post_init__(self) -> None:
        for name in ("reason", "owner"):
            if not getattr(self, name).strip():
                raise DecisionError(f"The {name} of a decision must not be empty")
        by_pattern = self.rule is not None and self.location is not None
        if by_pattern == (self.fingerprint is not None) or (self.rule is None) != (self.location is None):
            raise DecisionError("A decision needs a fingerprint, or a rule and a location")

    @property
    def target(self) -> Target:
        """What it is about; a newer decision with the same target replaces an older one."""
        return (self.fingerprint, self.rule, self.location)

    @property
    def target_text(self) -> str:
        """What it is about, in words."""
        return f"finding {self.fingerprint}" if self.fingerprint else f"rule {self.rule} at {self.location}"

    def has_expired(self, today: date) -> bool:
        return self.until is not None and today > self.until

    def matches(self, finding: Decidable) -> bool:
        if self.fingerprint is not None:
            return self.fingerprint == finding.fingerprint
        return self.rule == finding.rule and LocationPattern(self.location or "").matches(finding.location)


class InactiveReason(StrEnum):
    """Why a decision no longer applies: its last day has passed, or no finding matches it."""

    EXPIRED = "expired"
    STALE = "stale"


@dataclass(frozen=True)
class InactiveDecision:
    """A decision that no longer applies, and why."""

    decision: Decision
    reason: InactiveReason


class ActiveDecisions:
    """The decisions that apply on a day: the newest of each target, unless it has expired.

    Whether a finding is suppressed or accepted is decided here only, for `findings`, gates and exports alike.

    Args:
        decisions: All decisions that may apply, oldest first.
        today: The day, in UTC.
    """

    def __init__(self, decisions: Iterable[Decision], *, today: date) -> None:
        newest: dict[Target, tuple[int, Decision]] = {}
        for number, decision in enumerate(decisions):
            newest[decision.target] = (number, decision)
        self.expired = [decision for _, decision in newest.values() if decision.has_expired(today)]
        self._by_fingerprint: dict[str, tuple[int, Decision]] = {}
        self._by_rule: dict[str, list[tuple[int, Decision, LocationPattern]]] = {}
        for number, decision in newest.values():
            if decision.has_expired(today):
                continue
            if decision.fingerprint is not None:
                self._by_fingerprint[decision.fingerprint] = (number, decision)
            if decision.rule is not None:
                pattern = LocationPattern(decision.location or "")
                self._by_rule.setdefault(decision.rule, []).append((number, decision, pattern))

    @property
    def active(self) -> list[Decision]:
        """The decisions that suppress or accept findings, oldest first."""
        by_rule = ((number, decision) for entries in self._by_rule.values() for number, decision, _ in entries)
        in_order = sorted([*self._by_fingerprint.values(), *by_rule], key=lambda numbered: numbered[0])
        return [decision for _, decision in in_order if decision.verdict is not Verdict.REOPENED]

    def decision_on(self, finding: Decidable) -> Decision | None:
        """Return the decision that suppresses or accepts a finding; None if there is none."""
        newest = self.newest_on(finding)
        return None if newest is None or newest.verdict is Verdict.REOPENED else newest

    def newest_on(self, finding: Decidable) -> Decision | None:
        """Return the newest decision that matches a finding, by its fingerprint or by a pattern; it may reopen it."""
        matching = [
            (number, decision)
            for number, decision, pattern in self._by_rule.get(finding.rule, ())
            if pattern.matches(finding.location)
        ]
        if finding.fingerprint in self._by_fingerprint:
            matching.append(self._by_fingerprint[finding.fingerprint])
        newest = max(matching, key=lambda numbered: numbered[0], default=None)
        return None if newest is None else newest[1]
