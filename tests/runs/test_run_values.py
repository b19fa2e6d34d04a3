"""The context of log lines, and which notifications a run causes."""

from typing import Any

import pytest

from waivern.runs.notifications import NotificationKind, delivery_lease_s, gate_notification_for, notification_for
from waivern.runs.run import RunStatus
from waivern.runs.run_context import RunContext, current_run, run_context

ALL = [kind.value for kind in NotificationKind]
FAILURES = (RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.INTERRUPTED)


def test_the_current_run_is_that_of_the_innermost_block() -> None:
    assert current_run() is None
    with run_context("r1", "nightly"):
        assert current_run() == RunContext("r1", "nightly")
        with run_context("r2"):
            assert current_run() == RunContext("r2", None)
        assert current_run() == RunContext("r1", "nightly")
    assert current_run() is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (RunStatus.FAILED, NotificationKind.FAILED),
        (RunStatus.INTERRUPTED, NotificationKind.FAILED),
        (RunStatus.TIMED_OUT, NotificationKind.TIMED_OUT),
        (RunStatus.CANCELLED, None),
        (RunStatus.SUCCEEDED, None),
        (RunStatus.QUEUED, None),
        (RunStatus.RUNNING, None),
    ],
)
def test_a_failure_is_notified_whatever_the_previous_run_was(status: RunStatus, kind: NotificationKind | None) -> None:
    previous = [None, RunStatus.SUCCEEDED]
    assert [notification_for(status, before, ALL) for before in previous] == [kind, kind]
    others = [event for event in ALL if kind is None or event != kind.value]
    assert notification_for(status, None, others) is None


@pytest.mark.parametrize("previous", [None, *RunStatus])
def test_a_success_is_notified_after_a_failure_only(previous: RunStatus | None) -> None:
    expected = NotificationKind.RECOVERED if previous in FAILURES else None
    assert notification_for(RunStatus.SUCCEEDED, previous, ALL) is expected
    assert notification_for(RunStatus.SUCCEEDED, previous, ["failed", "timed_out", "gate_tripped"]) is None


@pytest.mark.parametrize("status", RunStatus)
def test_a_failed_gate_is_notified_for_a_succeeded_run_only(status: RunStatus) -> None:
    expected = NotificationKind.GATE_TRIPPED if status is RunStatus.SUCCEEDED else None
    assert gate_notification_for(status, ALL) is expected
    assert gate_notification_for(status, ["failed", "timed_out", "recovered"]) is None


@pytest.mark.parametrize(
    ("target", "notify", "seconds"),
    [
        ("webhook", {"webhook": {"url": "https://x", "timeout": 20}, "timeout": 45}, 80),
        ("webhook", {"webhook": {"url": "https://x"}, "timeout": 45}, 360),
        ("webhook", {"timeout": 45}, 360),
        ("webhook", {"webhook": "https://x", "timeout": 45}, 360),
        ("command", {"webhook": {"timeout": 20}, "command": ["y"], "timeout": 45.5}, 105.5),
        ("command", {"command": ["y"], "timeout": "${LIMIT}"}, 360),
    ],
)
def test_the_lease_of_a_delivery_is_its_timeout_and_a_minute(
    target: str, notify: dict[str, Any], seconds: float
) -> None:
    assert delivery_lease_s(target, notify) == seconds
