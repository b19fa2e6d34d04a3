"""Notifications about runs: which events there are, and which a run causes. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from waivern.runbooks.model.notification_limits import MAX_NOTIFY_TIMEOUT_S
from waivern.runs.run import RunStatus

TARGETS = ("webhook", "command")
"""The targets of a notification, as keys of a schedule's `notify`."""

_LEASE_MARGIN_S = 60.0


class NotificationKind(StrEnum):
    """The events about which notifications are sent."""

    FAILED = "failed"
    TIMED_OUT = "timed_out"
    RECOVERED = "recovered"
    GATE_TRIPPED = "gate_tripped"


_FAILURES = {
    RunStatus.FAILED: NotificationKind.FAILED,
    RunStatus.INTERRUPTED: NotificationKind.FAILED,
    RunStatus.TIMED_OUT: NotificationKind.TIMED_OUT,
}


@dataclass(frozen=True)
class DueNotification:
    """A claimed notification, to be delivered for the `attempt`-th time; `notify` is the schedule's, unresolved."""

    run_id: str
    target: str
    kind: NotificationKind
    attempt: int
    schedule: str
    notify: Mapping[str, Any]


def notification_for(status: RunStatus, previous: RunStatus | None, events: Collection[str]) -> NotificationKind | None:
    """Return which notification a closed run causes, or None.

    Args:
        status: How it ended.
        previous: The status of the previous run of the same schedule; cancelled runs do not count.
        events: The events that the schedule notifies of.
    """
    if status is RunStatus.SUCCEEDED:
        kind = NotificationKind.RECOVERED if previous in _FAILURES else None
    else:
        kind = _FAILURES.get(status)
    return kind if kind is not None and kind.value in events else None


def gate_notification_for(status: RunStatus, events: Collection[str]) -> NotificationKind | None:
    """Return the notification of a run that failed a gate; for a failed run only the failure is sent."""
    kind = NotificationKind.GATE_TRIPPED
    return kind if status is RunStatus.SUCCEEDED and kind.value in events else None


def delivery_lease_s(target: str, notify: Mapping[str, Any]) -> float:
    """Return for how many seconds a claimed notification is due nowhere else: longer than a delivery may take."""
    config = notify.get("webhook") if target == "webhook" else notify
    timeout = config.get("timeout") if isinstance(config, Mapping) else None
    return _LEASE_MARGIN_S + (timeout if isinstance(timeout, int | float) else MAX_NOTIFY_TIMEOUT_S)
