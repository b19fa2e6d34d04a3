"""The port through which notices of how runs ended are queued and sent."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from waivern.runs.run import RunStatus

_FAILURES = {
    RunStatus.FAILED: "failed",
    RunStatus.INTERRUPTED: "failed",
    RunStatus.TIMED_OUT: "timed_out",
}


class Notice(StrEnum):
    """What there is to tell of a run that has ended."""

    FAILED = "failed"
    TIMED_OUT = "timed_out"
    RECOVERED = "recovered"


@dataclass(frozen=True)
class DueNotice:
    """A notice that is to be sent now, for the `attempt`-th time; `notify` is the schedule's, unresolved."""

    run_id: str
    target: str
    notice: Notice
    attempt: int
    schedule: str
    notify: Mapping[str, Any]


def notice_of(status: RunStatus, before: RunStatus | None, on: Collection[str]) -> Notice | None:
    """Return what is to be told of a run, or None.

    Args:
        status: How it ended.
        before: How the run of the same schedule before it ended, leaving out those that were cancelled.
        on: The names of the notices that are wanted.
    """
    if status is RunStatus.SUCCEEDED:
        name = Notice.RECOVERED.value if before in _FAILURES else None
    else:
        name = _FAILURES.get(status)
    return Notice(name) if name is not None and name in on else None


class Notifications(ABC):
    """Where notices wait until they are sent: at least once each, however many services send them."""

    @abstractmethod
    def note_ended(self) -> int:
        """Queue the notices of runs that have ended since; return how many. A run is looked at once."""

    @abstractmethod
    def claim_due(self, *, limit: int) -> Sequence[DueNotice]:
        """Take up to `limit` notices that are due; one that is not settled within a minute is due again."""

    @abstractmethod
    def sent(self, notice: DueNotice) -> None:
        """Note that a notice has arrived."""

    @abstractmethod
    def failed(self, notice: DueNotice, *, error: str, retry_in_s: float | None) -> None:
        """Note that a notice did not arrive; None gives it up."""
