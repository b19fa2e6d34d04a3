"""The port for the current findings: the findings of all runbooks and their status."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from waivern.history.finding import Finding


class FindingStatus(StrEnum):
    """The status of a finding, by the newest complete run of its runbook and by the decisions about it.

    new: that run is the first complete one that found it. open: it found it, as an earlier run did. fixed: it scanned
    the location and did not find it. unknown: it did not scan the location. suppressed, accepted: there is such a
    decision, and the finding is not fixed.
    """

    NEW = "new"
    OPEN = "open"
    FIXED = "fixed"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"
    ACCEPTED = "accepted"


class Order(StrEnum):
    """How findings are sorted: by the latest change of their state, or by severity."""

    NEWEST = "newest"
    SEVERITY = "severity"


@dataclass(frozen=True)
class FindingFilter:
    """Which findings to return; None means any.

    Args:
        runbook: The runbook's name.
        category: The rule's category.
        severity: low, medium, high or critical.
        location: A pattern of locations, in which `*` matches any characters and `?` one.
        status: Their status; `open` includes the new ones.
        since: Only findings whose state changed at this instant or later.
    """

    runbook: str | None = None
    category: str | None = None
    severity: str | None = None
    location: str | None = None
    status: FindingStatus | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class CurrentFinding:
    """A finding of a runbook, with its status.

    Args:
        key: Its position in a list, for `after`.
        runbook: The runbook's name.
        finding: The finding as it was last found.
        status: Its status.
        since: When it first appeared, reappeared or disappeared.
        first_run: The first run that found it.
        first_at: When that run found it.
        last_run: The last run that found it.
        last_at: When that run started.
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
class Presence:
    """Consecutive runs in which an artifact held a finding.

    Args:
        runbook: The runbook's name.
        artifact_id: The artifact.
        finding: The finding as it was in these runs.
        first_run: The first of the runs.
        first_at: When it started.
        last_run: The last of the runs.
        last_at: When it started.
        runs: How many runs there are; None if it began before the runs that are counted. Runs in between may not have
            held it.
    """

    runbook: str
    artifact_id: str
    finding: Finding
    first_run: str
    first_at: datetime
    last_run: str
    last_at: datetime
    runs: int | None


class CurrentFindings(ABC):
    """The findings of every runbook as of its newest complete run.

    Closing a run and making a decision refresh them in the same transaction. This port only reads.
    """

    @abstractmethod
    def page(
        self, finding_filter: FindingFilter, *, order: Order, after: str | None, limit: int, today: date
    ) -> Sequence[CurrentFinding]:
        """Return up to `limit` findings; `after` is the key of the last finding of the previous page.

        Raises:
            UsageError: `after` is not a valid key.
        """

    @abstractmethod
    def fingerprints(self, prefix: str, *, limit: int) -> Sequence[str]:
        """Return fingerprints with a prefix, of all findings of all runs."""

    @abstractmethod
    def with_fingerprint(self, fingerprint: str, *, today: date) -> Sequence[CurrentFinding]:
        """Return a finding as it is in each runbook that has it."""

    @abstractmethod
    def presences_of(self, fingerprint: str) -> Sequence[Presence]:
        """Return in which runs a finding was present, oldest first."""
