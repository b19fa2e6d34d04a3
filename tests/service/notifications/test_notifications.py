"""Notifications: which are sent, how they are signed and delivered, and how failures are retried."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.builders.callers import CALLER
from tests.builders.processes import is_alive, wait_until
from tests.builders.schedules import a_definition
from waivern.bootstrap import build_application
from waivern.database.audit_log import SqlAuditLog
from waivern.database.connection.engine import writing
from waivern.database.decisions.decision_log import SqlDecisionLog
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schedules.service_store import SqlServiceStore
from waivern.database.schema.tables import notifications, runs
from waivern.history.gates import GateResult
from waivern.operations.application import Application
from waivern.runbooks.model.gate import parse_gate
from waivern.runbooks.model.notify_config import NotifyConfig
from waivern.runs.notifications import NotificationKind, delivery_lease_s, notification_for
from waivern.runs.run import RunStatus, utc_now
from waivern.schedules.timing import Cron
from waivern.service.database_watch import DatabaseWatch
from waivern.service.health import Health
from waivern.service.jobs.background_jobs import BackgroundJobs
from waivern.service.metrics import ServiceMetrics
from waivern.service.notifications import notifier
from waivern.service.notifications.hook_command import run_command
from waivern.service.notifications.notifier import Notifier
from waivern.service.notifications.webhook import DeliveryError, _PinnedConnection, post, signature
from waivern.settings import Settings

ALL = ("failed", "timed_out", "recovered", "gate_tripped")
HOURLY = Cron("0 * * * *")


class Receiver(http.server.ThreadingHTTPServer):
    """An HTTP server that keeps what it receives, and answers with `status`, a byte every `drip_s` seconds."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.drip_s = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?x=1"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.received.append((dict(self.headers), body))
        if server.drip_s:
            for _ in range(200):
                self.wfile.write(b"H")
                time.sleep(server.drip_s)
        self.send_response(server.status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def send(url: str, **terms: Any) -> None:
    given = {"message_id": "m1", "timestamp": 1_700_000_000, "secret": None, "timeout_s": 5.0, "allow_private": True}
    post(url, b'{"a": 1}', **{**given, **terms})  # type: ignore[arg-type]


@given(st.sampled_from(RunStatus), st.none() | st.sampled_from(RunStatus), st.sets(st.sampled_from(ALL)))
def test_only_configured_events_are_notified_and_recovered_only_after_a_failure(
    status: RunStatus, before: RunStatus | None, on: set[str]
) -> None:
    kind = notification_for(status, before, on)
    if kind is None:
        assert not ({"failed", "timed_out"} <= on and status in (RunStatus.FAILED, RunStatus.TIMED_OUT))
    else:
        assert kind.value in on
        assert (kind is NotificationKind.RECOVERED) == (status is RunStatus.SUCCEEDED)


def test_a_notification_is_signed_as_in_standard_webhooks(receiver: Receiver) -> None:
    send(receiver.url, secret="s3cret")
    ((headers, body),) = receiver.received
    signed = b"m1.1700000000." + body
    expected = base64.b64encode(hmac.new(b"s3cret", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("m1", "1700000000")
    assert headers["Content-Type"] == "application/json"


def test_a_base64_secret_is_decoded() -> None:
    in_base64 = "whsec_" + base64.b64encode(b"s3cret").decode()
    assert signature(in_base64, "m", 1, b"x") == signature("s3cret", "m", 1, b"x")


@pytest.mark.parametrize("status", [301, 400, 500])
def test_an_error_status_fails_the_delivery_and_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(DeliveryError, match=str(status)):
        send(receiver.url)
    assert len(receiver.received) == 1


def test_a_response_that_trickles_in_is_aborted_at_the_timeout(receiver: Receiver) -> None:
    receiver.drip_s = 0.1
    started = time.monotonic()
    with pytest.raises(DeliveryError, match="longer than 0.5 s"):
        send(receiver.url, timeout_s=0.5)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://2130706433:9/", "http://0x7f.1:9/"]
)
def test_a_private_address_is_not_contacted_however_it_is_written(url: str) -> None:
    with pytest.raises(DeliveryError, match="is not a public address"):
        send(url, allow_private=False)


@pytest.mark.parametrize(("port", "named"), [(443, "hooks.example.org"), (8443, "hooks.example.org:8443")])
def test_the_host_header_has_the_name_and_omits_the_default_port(port: int, named: str) -> None:
    here, there = socket.socketpair()
    with here, there:
        connection = _PinnedConnection("hooks.example.org", port, "203.0.113.1", is_secure=True, timeout_s=5)
        connection.sock = here
        connection.request("POST", "/")
        assert f"Host: {named}\r\n".encode() in there.recv(4096)


def test_an_error_names_the_host_but_not_the_url() -> None:
    with pytest.raises(DeliveryError) as failed:
        send("http://user:hunter2@127.0.0.1:1/token-hunter2")
    assert "hunter2" not in str(failed.value)


def test_a_command_receives_the_notification_on_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = "import os, sys, pathlib; pathlib.Path(sys.argv[1]).write_text(os.environ['KIND'] + sys.stdin.read())"
    run_command([sys.executable, "-c", script, str(out)], b"body", environment={"KIND": "k:"}, timeout_s=30)
    assert out.read_text() == "k:body"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit('no paper')", "ended with 1: no paper"),
        ("import time; time.sleep(60)", "longer than 0.5 s"),
    ],
)
def test_a_command_that_fails_or_hangs_fails_the_delivery(script: str, message: str) -> None:
    with pytest.raises(DeliveryError, match=message):
        run_command([sys.executable, "-c", script], b"", environment={}, timeout_s=0.5 if "sleep" in script else 30)
    with pytest.raises(DeliveryError, match="cannot be run"):
        run_command(["/nowhere/at/all"], b"", environment={}, timeout_s=5)


def test_a_delivery_ends_with_its_command_even_if_a_child_process_is_still_running() -> None:
    leaves_one_behind = "import subprocess; print(subprocess.Popen(['sleep', '20'], start_new_session=True).pid)"
    started = time.monotonic()
    run_command([sys.executable, "-c", leaves_one_behind], b"", environment={}, timeout_s=15)
    assert time.monotonic() - started < 10


def test_a_command_inherits_no_key_no_database_url_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WAIVERN_ENCRYPTION_KEY", "WAIVERN_DATABASE_URL", "CRM_PASSWORD", "PYTHONPATH"):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("TZ", "Europe/London")
    out = tmp_path / "environment"
    run_command(["sh", "-c", f"env -0 > {out}"], b"", environment={"PAGER_TOKEN": "given"}, timeout_s=30)
    environment = dict(line.split("=", 1) for line in out.read_text().rstrip("\0").split("\0"))
    assert "hidden" not in environment.values()
    assert {"PAGER_TOKEN": "given", "TZ": "Europe/London", "PATH": os.environ["PATH"]}.items() <= environment.items()


def test_a_command_that_takes_too_long_is_ended_with_its_process_group(tmp_path: Path) -> None:
    out = tmp_path / "pid"
    with pytest.raises(DeliveryError, match="longer than 0.5 s"):
        run_command(["sh", "-c", f"sleep 1000 & echo $! > {out}; wait"], b"", environment={}, timeout_s=0.5)
    wait_until(lambda: not is_alive(int(out.read_text())))


def test_variables_of_a_command_need_a_command_and_valid_names() -> None:
    valid = {"command": ["x"], "environment": ["TOKEN"]}
    assert NotifyConfig.model_validate(valid).environment == ("TOKEN",)
    with pytest.raises(ValidationError, match="environment is for a command"):
        NotifyConfig.model_validate({"webhook": {"url": "https://x"}, "environment": ["TOKEN"]})
    with pytest.raises(ValidationError, match="pattern"):
        NotifyConfig.model_validate({**valid, "environment": ["A=B"]})
    with pytest.raises(ValidationError, match="WAIVERN_ENCRYPTION_KEY is for Waivern itself"):
        NotifyConfig.model_validate({**valid, "environment": ["WAIVERN_ENCRYPTION_KEY"]})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "no recipient"),
        ({"command": []}, "at least 1"),
        ({"webhook": {"url": "ftp://x"}}, "begins with http"),
        ({"command": ["x"], "events": ["succeeded"]}, "gate_tripped"),
        ({"webhook": {"url": "https://x", "timeout": 0}}, "greater than 0"),
    ],
)
def test_an_invalid_notify_configuration_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NotifyConfig.model_validate(config)


# The outbox, on both databases.


def ended_runs(engine: sa.Engine, *statuses: RunStatus, notify: dict[str, Any] | None) -> list[str]:
    SqlScheduleStore(engine).add(a_definition(HOURLY, notify=notify), caller=CALLER)
    return more_runs(engine, *statuses)


def more_runs(engine: sa.Engine, *statuses: RunStatus) -> list[str]:
    (schedule,) = SqlScheduleStore(engine).all()
    queue = SqlRunStore(engine)
    made = []
    for status in statuses:
        made.append(SqlScheduleStore(engine).trigger(schedule.id))
        claimed = queue.claim()
        assert claimed is not None
        assert queue.close(claimed.run_id, claimed.epoch, status, caller=CALLER)
    return made


def make_due(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.execute(
            sa.update(notifications).where(notifications.c.next_attempt_at.is_not(None)),
            {"next_attempt_at": utc_now() - timedelta(1)},
        )


def test_a_run_has_one_notification_per_target_for_a_configured_event(engine: sa.Engine) -> None:
    made = ended_runs(
        engine,
        *(RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.SUCCEEDED, RunStatus.SUCCEEDED, RunStatus.TIMED_OUT),
        notify={"events": list(ALL), "webhook": {"url": "https://x"}, "command": ["y"]},
    )
    store = SqlServiceStore(engine)
    due = store.claim_notifications(limit=100)
    assert sorted(
        (made.index(notification.run_id), notification.kind.value, notification.target) for notification in due
    ) == [
        *((1, "failed", "command"), (1, "failed", "webhook")),
        *((2, "recovered", "command"), (2, "recovered", "webhook")),
        *((4, "timed_out", "command"), (4, "timed_out", "webhook")),
    ]
    assert store.claim_notifications(limit=100) == []


def test_a_failed_notification_is_due_again_until_it_is_abandoned(engine: sa.Engine) -> None:
    ended_runs(engine, RunStatus.FAILED, notify={"events": ["failed"], "command": ["y"]})
    store = SqlServiceStore(engine)
    (first,) = store.claim_notifications(limit=5)
    store.notification_failed(first, error="busy", retry_in_s=0)
    (second,) = store.claim_notifications(limit=5)
    assert (first.attempt, second.attempt) == (1, 2)
    make_due(engine)  # its service is gone
    (third,) = store.claim_notifications(limit=5)
    store.notification_failed(third, error="busy", retry_in_s=None)
    make_due(engine)
    assert store.claim_notifications(limit=5) == []


def test_notifications_that_are_configured_later_do_not_report_earlier_runs(engine: sa.Engine) -> None:
    ended_runs(engine, RunStatus.FAILED, notify=None)
    schedules = SqlScheduleStore(engine)
    (schedule,) = schedules.all()
    schedules.change(schedule.id, a_definition(HOURLY, notify={"events": list(ALL), "command": ["y"]}), caller=CALLER)
    store = SqlServiceStore(engine)
    assert store.claim_notifications(limit=5) == []
    (later,) = more_runs(engine, RunStatus.SUCCEEDED)
    (due,) = store.claim_notifications(limit=5)
    assert (due.run_id, due.kind) == (later, NotificationKind.RECOVERED)


def test_a_run_that_was_queued_for_days_is_reported_like_any_other(engine: sa.Engine) -> None:
    notify = {"events": ["failed"], "command": ["y"]}
    schedule = SqlScheduleStore(engine).add(a_definition(HOURLY, notify=notify), caller=CALLER)
    waiting = SqlScheduleStore(engine).trigger(schedule.id)
    with writing(engine) as connection:
        long_ago = utc_now() - timedelta(days=9)
        connection.execute(sa.update(runs).where(runs.c.id == waiting).values(created_at=long_ago))
    claimed = SqlRunStore(engine).claim()
    assert claimed is not None
    SqlRunStore(engine).close(claimed.run_id, claimed.epoch, RunStatus.FAILED, caller=CALLER)
    (due,) = SqlServiceStore(engine).claim_notifications(limit=5)
    assert due.run_id == waiting


def test_a_late_failure_does_not_overwrite_a_newer_claim_or_a_delivery(engine: sa.Engine) -> None:
    ended_runs(engine, RunStatus.FAILED, notify={"events": ["failed"], "command": ["y"]})
    store = SqlServiceStore(engine)
    (late,) = store.claim_notifications(limit=5)
    make_due(engine)
    (second,) = store.claim_notifications(limit=5)
    store.notification_failed(late, error="too late", retry_in_s=0)
    assert store.claim_notifications(limit=5) == []
    store.notification_delivered(second)
    store.notification_failed(second, error="too late", retry_in_s=0)
    assert store.claim_notifications(limit=5) == []


def record_gates(engine: sa.Engine, run_id: str, **numbers: int) -> None:
    results = [GateResult(parse_gate(gate), violations=number) for gate, number in numbers.items()]
    SqlDecisionLog(engine).record_gates(run_id, results, caller=CALLER)


def due_kinds(engine: sa.Engine) -> list[tuple[str, str]]:
    return sorted((due.run_id, due.kind.value) for due in SqlServiceStore(engine).claim_notifications(limit=100))


def test_a_failed_gate_is_reported_once_in_addition_to_a_recovery(engine: sa.Engine) -> None:
    failed, succeeded = ended_runs(engine, RunStatus.FAILED, RunStatus.SUCCEEDED, notify={"command": ["y"]})
    record_gates(engine, succeeded, any=2, new=0)
    record_gates(engine, succeeded, any=2, new=0)
    assert due_kinds(engine) == sorted([(failed, "failed"), (succeeded, "recovered"), (succeeded, "gate_tripped")])
    assert SqlDecisionLog(engine).gates_of(succeeded) == {"any": 2, "new": 0}


def test_a_gate_is_not_reported_if_it_passed_was_not_configured_or_its_run_failed(engine: sa.Engine) -> None:
    (passed,) = ended_runs(engine, RunStatus.SUCCEEDED, notify={"events": ["gate_tripped"], "command": ["y"]})
    record_gates(engine, passed, any=0)
    (failed,) = more_runs(engine, RunStatus.FAILED)
    record_gates(engine, failed, incomplete=1)
    schedules = SqlScheduleStore(engine)
    (schedule,) = schedules.all()
    schedules.change(schedule.id, a_definition(HOURLY, notify={"events": ["failed"], "command": ["y"]}), caller=CALLER)
    (unasked,) = more_runs(engine, RunStatus.SUCCEEDED)
    record_gates(engine, unasked, any=1)
    assert due_kinds(engine) == []


def test_two_notifications_of_one_run_are_delivered_independently(engine: sa.Engine) -> None:
    _, run_id = ended_runs(engine, RunStatus.FAILED, RunStatus.SUCCEEDED, notify={"command": ["y"]})
    record_gates(engine, run_id, any=1)
    store = SqlServiceStore(engine)
    due = {notification.kind: notification for notification in store.claim_notifications(limit=5)}
    store.notification_delivered(due[NotificationKind.RECOVERED])
    store.notification_failed(due[NotificationKind.GATE_TRIPPED], error="busy", retry_in_s=0)
    (again,) = store.claim_notifications(limit=5)
    assert (again.run_id, again.kind, again.attempt) == (run_id, NotificationKind.GATE_TRIPPED, 2)


def test_the_results_of_gates_are_an_event(engine: sa.Engine) -> None:
    (run_id,) = ended_runs(engine, RunStatus.SUCCEEDED, notify=None)
    record_gates(engine, run_id, any=2, incomplete=0)
    (event,) = SqlAuditLog(engine).read(kinds=["gates.evaluated"])
    assert (event.actor, event.body) == (str(CALLER), {"run": run_id, "violations": {"any": 2, "incomplete": 0}})


def test_a_gate_notification_contains_the_violations_of_each_gate(
    engine: sa.Engine, application: Application, jobs: BackgroundJobs, receiver: Receiver
) -> None:
    webhook = {"url": receiver.url, "allow_private": True}
    (run_id,) = ended_runs(engine, RunStatus.SUCCEEDED, notify={"events": ["gate_tripped"], "webhook": webhook})
    record_gates(engine, run_id, any=2, incomplete=0)
    Notifier(application, jobs=jobs, metrics=ServiceMetrics()).deliver_due()
    eventually(lambda: receiver.received)
    ((headers, body),) = receiver.received
    payload = json.loads(body)
    assert (payload["type"], payload["data"]["run"]["id"]) == ("run.gate_tripped", run_id)
    assert payload["data"]["gates"] == [{"gate": "any", "violations": 2}, {"gate": "incomplete", "violations": 0}]
    assert headers["webhook-id"] == f"{run_id}.gate_tripped"


@pytest.mark.parametrize(
    ("target", "notify", "longest"),
    [
        ("webhook", {"webhook": {"url": "https://x", "timeout": 20}}, 20),
        ("command", {"command": ["y"], "timeout": 45.5}, 45.5),
        ("command", {"command": ["y"], "timeout": "${LIMIT}"}, 300),
        ("webhook", {}, 300),
    ],
)
def test_the_lease_of_a_notification_is_longer_than_its_timeout(
    target: str, notify: dict[str, Any], longest: float
) -> None:
    assert delivery_lease_s(target, notify) > longest


@pytest.fixture
def application(database_url: str, engine: sa.Engine) -> Iterator[Application]:
    environment = {"HOOK_SECRET": "hunter2hunter2", "PATH": "/usr/bin:/bin"}
    settings = Settings(database_url=database_url, hook_commands="/bin/sh -c *")
    built = build_application(settings, environment=environment)
    yield built
    built.close()


@pytest.fixture
def jobs() -> Iterator[BackgroundJobs]:
    started = BackgroundJobs(DatabaseWatch(ServiceMetrics()), Health())
    started.start()
    yield started
    started.stop()


def eventually(is_so: Any) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_notification_contains_its_run_and_is_marked_as_delivered(
    engine: sa.Engine, application: Application, jobs: BackgroundJobs, receiver: Receiver
) -> None:
    webhook = {"url": receiver.url, "secret": "${HOOK_SECRET}", "allow_private": True}
    (run_id,) = ended_runs(engine, RunStatus.FAILED, notify={"events": ["failed"], "webhook": webhook})
    Notifier(application, jobs=jobs, metrics=ServiceMetrics()).deliver_due()
    eventually(lambda: receiver.received)
    ((headers, body),) = receiver.received
    payload = json.loads(body)
    assert (payload["type"], payload["data"]["schedule"], payload["data"]["run"]["id"]) == (
        "run.failed",
        "nightly",
        run_id,
    )
    assert headers["webhook-signature"] == signature(
        "hunter2hunter2", headers["webhook-id"], int(headers["webhook-timestamp"]), body
    )

    def is_sent() -> bool:
        with engine.connect() as connection:
            return connection.scalar(sa.select(notifications.c.sent_at)) is not None

    eventually(is_sent)


def test_a_command_gets_the_variables_that_its_schedule_names(
    engine: sa.Engine, application: Application, jobs: BackgroundJobs, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["/bin/sh", "-c", f'echo "$HOOK_SECRET $WAIVERN_NOTIFICATION" > {out}.new; mv {out}.new {out}']
    notify = {"events": ["failed"], "command": command, "environment": ["HOOK_SECRET"]}
    ended_runs(engine, RunStatus.FAILED, notify=notify)
    Notifier(application, jobs=jobs, metrics=ServiceMetrics()).deliver_due()
    eventually(out.exists)
    assert out.read_text() == "hunter2hunter2 failed\n"


REFUSALS = {
    "not listed": (["/bin/echo", "hunter2"], True, "'/bin/echo' is not allowed.*WAIVERN_HOOK_COMMANDS"),
    "turned off": (["/bin/sh", "-c", "true"], False, "runs no hook commands.*--no-hook-commands"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_command_that_is_not_allowed_is_named_and_its_notification_fails_with_the_reason(
    engine: sa.Engine,
    application: Application,
    jobs: BackgroundJobs,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    command, runs_hook_commands, message = REFUSALS[case]
    monkeypatch.setattr(notifier, "run_command", lambda *_, **__: pytest.fail("it was run"))
    ended_runs(engine, RunStatus.FAILED, notify={"events": ["failed"], "command": command})
    Notifier(application, jobs=jobs, metrics=ServiceMetrics(), runs_hook_commands=runs_hook_commands).deliver_due()
    (named,) = [record for record in caplog.records if record.getMessage().startswith("Notifications will fail")]
    assert named.__dict__["schedule"] == "nightly"
    assert re.search(message, named.getMessage())
    eventually(lambda: error_of_notification(engine))
    assert re.search(message, str(error_of_notification(engine)))
    assert "hunter2" not in caplog.text + str(error_of_notification(engine))


def test_a_notification_whose_variable_is_not_set_fails_with_its_name(
    engine: sa.Engine, application: Application, jobs: BackgroundJobs
) -> None:
    notify = {"events": ["failed"], "command": ["/bin/sh", "-c", "true"], "environment": ["PAGER_TOKEN"]}
    ended_runs(engine, RunStatus.FAILED, notify=notify)
    Notifier(application, jobs=jobs, metrics=ServiceMetrics()).deliver_due()
    eventually(lambda: error_of_notification(engine))
    assert "PAGER_TOKEN is not set" in str(error_of_notification(engine))


def error_of_notification(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        error: str | None = connection.scalar(sa.select(notifications.c.error))
        return error


def test_an_unreachable_receiver_is_retried_and_the_stored_error_has_no_secret(
    engine: sa.Engine, application: Application, jobs: BackgroundJobs
) -> None:
    webhook = {"url": "http://127.0.0.1:1/${HOOK_SECRET}", "allow_private": True}
    ended_runs(engine, RunStatus.FAILED, notify={"events": ["failed"], "webhook": webhook})
    metrics = ServiceMetrics()
    Notifier(application, jobs=jobs, metrics=metrics).deliver_due()

    def row() -> Any:
        with engine.connect() as connection:
            return connection.execute(sa.select(notifications)).one()

    eventually(lambda: row().error is not None)
    assert "Request to 127.0.0.1 failed" in row().error
    assert "hunter2" not in row().error
    assert row().next_attempt_at is not None
    assert metrics.registry.get_sample_value("waivern_notifications_total", {"outcome": "failed"}) == 1


@pytest.mark.parametrize("notify", [{"events": ["failed"], "command": ["/bin/true"]}, None])
def test_a_notification_whose_target_was_removed_is_abandoned_and_not_marked_as_sent(
    engine: sa.Engine, application: Application, jobs: BackgroundJobs, notify: Any
) -> None:
    webhook = {"url": "http://127.0.0.1:1/x", "allow_private": True}
    ended_runs(engine, RunStatus.FAILED, notify={"events": ["failed"], "webhook": webhook})
    store = SqlScheduleStore(engine)
    store.change(store.find("nightly").id, a_definition(HOURLY, notify=notify), caller=CALLER)
    metrics = ServiceMetrics()
    Notifier(application, jobs=jobs, metrics=metrics).deliver_due()

    def row() -> Any:
        with engine.connect() as connection:
            return connection.execute(sa.select(notifications)).one()

    eventually(lambda: row().error is not None)
    assert row().error == "The schedule 'nightly' no longer has a webhook to notify"
    assert (row().sent_at, row().next_attempt_at) == (None, None)
    assert metrics.registry.get_sample_value("waivern_notifications_total", {"outcome": "abandoned"}) == 1


def test_a_notification_whose_retry_a_wrong_clock_has_planned_is_due(engine: sa.Engine) -> None:
    ended_runs(engine, RunStatus.FAILED, notify={"events": ["failed"], "command": ["/bin/true"]})
    services = SqlServiceStore(engine)
    with writing(engine) as connection:
        connection.execute(sa.update(notifications).values(next_attempt_at=utc_now() + timedelta(minutes=30)))
    assert services.claim_notifications(limit=5) == []
    with writing(engine) as connection:
        connection.execute(sa.update(notifications).values(next_attempt_at=utc_now() + timedelta(days=300)))
    assert len(services.claim_notifications(limit=5)) == 1
