"""What was decided about findings: whose word it is, why, and until when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from waivern.errors import DecisionError
from waivern.history.finding import Finding
from waivern.history.location_pattern import LocationPattern


class Verdict(StrEnum):
    """What a finding counts as: `suppressed`, it is none; `accepted`, it is one and may stay; `reopened`, neither."""

    SUPPRESSED = "suppressed"
    ACCEPTED = "accepted"
    REOPENED = "reopened"


class Origin(StrEnum):
    """Where a decision was made: by a command, or in the reviewed file beside a runbook."""

    COMMAND = "command"
    FILE = "file"


@dataclass(frozen=True)
class Decision:
    """What somebody decided about one finding, or about all that a rule finds where a pattern says.

    Args:
        verdict: What they count as from now on.
        reason: Why.
        owner: Who answers for it.
        fingerprint: Of the one finding; else `rule` and `location` are given.
        rule: The rule's name.
        location: A pattern of places, in which `*` stands for any characters and `?` for one.
        until: The last day on which it is in force, in UTC; None: it has no end.
        origin: Where it was made.
        runbook: The runbook that it is meant for; None: wherever the finding is found.
        decided_at: When it came into force; None before it is kept.
        decided_by: Who made it: the user and the host, or the name of the file; None before it is kept.
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
                raise DecisionError(f"A decision needs a text as its {name}; this one is empty")
        by_pattern = self.rule is not None and self.location is not None
        if by_pattern == (self.fingerprint is not None) or (self.rule is None) != (self.location is None):
            raise DecisionError("A decision is about a fingerprint, or about a rule and a location")

    @property
    def target(self) -> tuple[str | None, ...]:
        """What it is about; of two decisions about the same, the later counts."""
        return (self.fingerprint, self.rule, self.location)

    @property
    def about(self) -> str:
        """What it is about, in words."""
        return f"finding {self.fingerprint}" if self.fingerprint else f"rule {self.rule} at {self.location}"

    def has_expired(self, today: date) -> bool:
        return self.until is not None and today > self.until

    def means(self, finding: Finding) -> bool:
        """Say whether it is about a finding."""
        if self.fingerprint is not None:
            return self.fingerprint == finding.fingerprint
        return self.rule == finding.rule and LocationPattern(self.location or "").matches(finding.location)


class Lapse(StrEnum):
    """Why a decision counts no more: its last day is past, or nothing is there any more that it is about."""

    EXPIRED = "expired"
    STALE = "stale"


@dataclass(frozen=True)
class Lapsed:
    """A decision that counts no more."""

    decision: Decision
    why: Lapse


class DecisionsInForce:
    """The decisions that count on a day: of each target the newest one, unless that has expired.

    Args:
        decisions: All that there are for one runbook, the oldest first.
        today: The day, in UTC.
    """

    def __init__(self, decisions: Iterable[Decision], *, today: date) -> None:
        newest: dict[tuple[str | None, ...], tuple[int, Decision]] = {}
        for number, decision in enumerate(decisions):
            newest[decision.target] = (number, decision)
        self.expired = [each for _, each in newest.values() if each.has_expired(today)]
        counting = [(number, each) for number, each in newest.values() if not each.has_expired(today)]
        self._of_one = {each.fingerprint: (number, each) for number, each in counting if each.fingerprint}
        self._of_rule: dict[str, list[tuple[int, Decision, LocationPattern]]] = {}
        for number, each in counting:
            if each.rule is not None:
                self._of_rule.setdefault(each.rule, []).append((number, each, LocationPattern(each.location or "")))

    @property
    def standing(self) -> list[Decision]:
        """Those by which findings are suppressed or accepted, the oldest first."""
        all_of = [
            *self._of_one.values(),
            *((number, each) for some in self._of_rule.values() for number, each, _ in some),
        ]
        return [
            each for _, each in sorted(all_of, key=lambda numbered: numbered[0]) if each.verdict is not Verdict.REOPENED
        ]

    def on(self, finding: Finding) -> Decision | None:
        """Return the decision by which a finding is suppressed or accepted; None where it is neither."""
        newest = self.newest_on(finding)
        return None if newest is None or newest.verdict is Verdict.REOPENED else newest

    def newest_on(self, finding: Finding) -> Decision | None:
        """Return the decision that counts for a finding: the newest of those about its fingerprint and its place."""
        about = [
            (number, each)
            for number, each, pattern in self._of_rule.get(finding.rule, ())
            if pattern.matches(finding.location)
        ]
        if finding.fingerprint in self._of_one:
            about.append(self._of_one[finding.fingerprint])
        newest = max(about, key=lambda numbered: numbered[0], default=None)
        return None if newest is None else newest[1]
