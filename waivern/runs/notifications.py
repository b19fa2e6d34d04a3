"""The port through which notices of how runs ended are sent, and what decides which there are."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from waivern.runbooks.model.notification_limits import MAX_NOTIFY_TIMEOUT_S
from waivern.runs.run import RunStatus

_MARGIN_S = 60.0
TARGETS = ("webhook", "command")

_FAILURES = {
    RunStatus.FAILED: "failed",
    RunStatus.INTERRUPTED: "failed",
    RunStatus.TIMED_OUT: "timed_out",
}


class NotificationKind(StrEnum):
    """What there is to tell of a run that has ended."""

    FAILED = "failed"
    TIMED_OUT = "timed_out"
    RECOVERED = "recovered"
    GATE_TRIPPED = "gate_tripped"


@dataclass(frozen=True)
class DueNotification:
    """A notice that is to be sent now, for the `attempt`-th time; `notify` is the schedule's, unresolved."""

    run_id: str
    target: str
    kind: NotificationKind
    attempt: int
    schedule: str
    notify: Mapping[str, Any]


def notice_of(status: RunStatus, before: RunStatus | None, on: Collection[str]) -> NotificationKind | None:
    """Return what is to be told of a run, or None.

    Args:
        status: How it ended.
        before: How the run of the same schedule that ended before it did so, leaving out those that were cancelled.
        on: The names of the notices that are wanted.
    """
    if status is RunStatus.SUCCEEDED:
        name = NotificationKind.RECOVERED.value if before in _FAILURES else None
    else:
        name = _FAILURES.get(status)
    return NotificationKind(name) if name is not None and name in on else None


def gate_notice_of(status: RunStatus, on: Collection[str]) -> NotificationKind | None:
    """Return what is to be told of a run by whose findings a gate tripped: of one that failed, that is told alone."""
    return (
        NotificationKind.GATE_TRIPPED
        if status is RunStatus.SUCCEEDED and NotificationKind.GATE_TRIPPED.value in on
        else None
    )


def lease_s(target: str, notify: Mapping[str, Any]) -> float:
    """Return for how many seconds a notice is left to whoever delivers it: longer than that may take."""
    about = notify.get("webhook") if target == "webhook" else notify
    timeout = about.get("timeout") if isinstance(about, Mapping) else None
    return _MARGIN_S + (timeout if isinstance(timeout, int | float) else MAX_NOTIFY_TIMEOUT_S)


class Notifications(ABC):
    """Where notices wait until they are sent: at least once each, however many services send them.

    A notice is queued in the transaction in which its run ends, by whoever writes that: one for each target that the
    run's schedule has then; that a gate tripped, in the transaction that writes down how its gates came out. So there
    is exactly one of each kind, or none, and nobody has to look for runs that have ended.
    """

    @abstractmethod
    def claim_due(self, *, limit: int) -> Sequence[DueNotification]:
        """Take up to `limit` notices that are due, each for as long as `lease_s` says; then it is due again."""

    @abstractmethod
    def sent(self, notice: DueNotification) -> None:
        """Note that a notice has arrived."""

    @abstractmethod
    def failed(self, notice: DueNotification, *, error: str, retry_in_s: float | None) -> None:
        """Note that a notice did not arrive; None gives it up.

        Nothing is noted where it has arrived by now, or where somebody else has claimed it since.
        """
