"""The port through which the findings of all runbooks are asked about: how each stands by now."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from waivern.history.finding import Finding


class FindingStatus(StrEnum):
    """How a finding stands, by the newest complete run of its runbook and by what was decided.

    new: that run is the first complete one that found it. open: it found it, as an earlier one did. fixed: it looked
    there and did not find it. unknown: it did not look there. suppressed, accepted: somebody decided so, and it is not
    fixed.
    """

    NEW = "new"
    OPEN = "open"
    FIXED = "fixed"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"
    ACCEPTED = "accepted"


class Order(StrEnum):
    """What comes first: what came or went last, or the most severe."""

    NEWEST = "newest"
    SEVERITY = "severity"


@dataclass(frozen=True)
class FindingFilter:
    """Which findings are asked for; None means any.

    Args:
        runbook: The runbook's name.
        category: Of the rule.
        severity: low, medium, high or critical.
        location: A pattern of places, in which `*` stands for any characters and `?` for one.
        status: How they stand; `open` takes the new ones in.
        since: Only those that came, or went, then or later.
    """

    runbook: str | None = None
    category: str | None = None
    severity: str | None = None
    location: str | None = None
    status: FindingStatus | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class CurrentFinding:
    """A finding of a runbook, and how it stands.

    Args:
        key: Where it stands in a list, for `after`.
        runbook: The runbook's name.
        finding: As it was found last.
        status: How it stands.
        since: When it came, or came again, or went.
        first_run: The run that found it first.
        first_at: When.
        last_run: The run that found it last.
        last_at: When.
    """

    key: str
    runbook: str
    finding: Finding
    status: FindingStatus
    since: datetime
    first_run: str
    first_at: datetime
    last_run: str
    last_at: datetime


@dataclass(frozen=True)
class Stay:
    """Runs one after the other in which an artifact held a finding.

    Args:
        runbook: The runbook's name.
        artifact_id: The artifact.
        finding: As it was in them.
        first_run: The first of them.
        first_at: When it began.
        last_run: The last of them.
        last_at: When it began.
        runs: How many they are.
    """

    runbook: str
    artifact_id: str
    finding: Finding
    first_run: str
    first_at: datetime
    last_run: str
    last_at: datetime
    runs: int


class CurrentFindings(ABC):
    """The findings of every runbook as they stand by its newest complete run."""

    @abstractmethod
    def settle(self, *, today: date) -> None:
        """Bring every runbook up to its newest complete run; what is up to date costs one look."""

    @abstractmethod
    def page(
        self, wanted: FindingFilter, *, order: Order, after: str | None, limit: int, today: date
    ) -> Sequence[CurrentFinding]:
        """Return up to `limit` findings; `after` is the key of the last one of the page before.

        Raises:
            UsageError: `after` is no such key.
        """

    @abstractmethod
    def fingerprints(self, beginning: str, *, limit: int) -> Sequence[str]:
        """Return fingerprints that begin so, of whatever any run ever found."""

    @abstractmethod
    def with_fingerprint(self, fingerprint: str, *, today: date) -> Sequence[CurrentFinding]:
        """Return how a finding stands in each runbook that has it."""

    @abstractmethod
    def stays_of(self, fingerprint: str) -> Sequence[Stay]:
        """Return in which runs a finding was there, the first ones first."""
