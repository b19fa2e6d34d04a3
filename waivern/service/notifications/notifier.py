"""Delivers notifications about how the runs of a schedule ended."""

import json
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from waivern.errors import DatabaseError, WaivernError
from waivern.escaping import json_text
from waivern.formats.records_as_json import gates_as_json, instant_as_json, run_as_json
from waivern.operations.application import Application
from waivern.runbooks.model.notify_config import NotifyConfig
from waivern.runbooks.variables.substitution import resolve
from waivern.runbooks.variables.watched_environment import WatchedEnvironment
from waivern.runs.notifications import DueNotification, NotificationKind
from waivern.runs.run import utc_now
from waivern.service.jobs.background_jobs import BackgroundJobs
from waivern.service.metrics import ServiceMetrics
from waivern.service.notifications.hook_command import run_command
from waivern.service.notifications.webhook import post

logger = logging.getLogger(__name__)

_RETRY_DELAYS_S = (10.0, 30.0, 120.0, 600.0)
_MAX_IN_FLIGHT = 8


class Notifier:
    """Delivers due notifications, each as a job of its own, so that a slow receiver delays no other.

    Args:
        application: Where notifications wait and runs are recorded.
        jobs: Runs the deliveries.
        metrics: Counts them.
    """

    def __init__(self, application: Application, *, jobs: BackgroundJobs, metrics: ServiceMetrics) -> None:
        self._application = application
        self._jobs = jobs
        self._metrics = metrics
        self._lock = threading.Lock()
        self._in_flight = 0

    def deliver_due(self) -> None:
        """Start to deliver what is due, as far as fewer than 8 deliveries are in flight."""
        free = _MAX_IN_FLIGHT - self._in_flight
        if free <= 0:
            return
        for notification in self._application.storage.services.claim_notifications(limit=free):
            with self._lock:
                self._in_flight += 1
            self._jobs.run(self._deliver, notification, name="notification")

    def _deliver(self, notification: DueNotification) -> None:
        environment = WatchedEnvironment(self._application.environment)
        fields = {"run_id": notification.run_id, "schedule": notification.schedule}
        try:
            try:
                self._send(notification, environment)
            except Exception as error:  # noqa: BLE001  whatever went wrong, it is retried
                text = str(error) if isinstance(error, WaivernError) else f"{type(error).__name__}: {error}"
                self._record_failure(notification, environment.redact(text), fields)
            else:
                self._application.storage.services.notification_delivered(notification)
                self._metrics.notified("delivered")
                kind, target = notification.kind.value, notification.target
                logger.info("Notification sent via %s: %s", target, kind, extra=fields)
        except DatabaseError as error:
            logger.warning("The outcome of a notification cannot be recorded; it is resent: %s", error, extra=fields)
        finally:
            with self._lock:
                self._in_flight -= 1

    def _record_failure(self, notification: DueNotification, error: str, fields: Mapping[str, object]) -> None:
        attempt = notification.attempt
        delay = _RETRY_DELAYS_S[attempt - 1] if attempt <= len(_RETRY_DELAYS_S) else None
        self._application.storage.services.notification_failed(notification, error=error, retry_in_s=delay)
        self._metrics.notified("failed" if delay is not None else "abandoned")
        next_step = "abandoned" if delay is None else f"retried in {delay:g} s"
        logger.warning("Notification via %s failed, %s: %s", notification.target, next_step, error, extra=fields)

    def _send(self, notification: DueNotification, environment: WatchedEnvironment) -> None:
        config = NotifyConfig.model_validate(resolve(dict(notification.notify), environment), strict=False)
        body = self._body(notification)
        if notification.target == "webhook" and config.webhook is not None:
            webhook = config.webhook
            post(
                webhook.url,
                body,
                message_id=f"{notification.run_id}.{notification.kind.value}",
                timestamp=int(time.time()),
                secret=webhook.secret,
                timeout_s=webhook.timeout,
                allow_private=webhook.allow_private,
            )
        elif notification.target == "command" and config.command is not None:
            variables = {
                **(config.environment or {}),
                "WAIVERN_NOTIFICATION": notification.kind.value,
                "WAIVERN_RUN": notification.run_id,
            }
            run_command(config.command, body, environment=variables, timeout_s=config.timeout)

    def _body(self, notification: DueNotification) -> bytes:
        storage = self._application.storage
        run = run_as_json(storage.history.find(notification.run_id))
        data: dict[str, Any] = {"schedule": notification.schedule, "run": run}
        if notification.kind is NotificationKind.GATE_TRIPPED:
            data["gates"] = gates_as_json(storage.decisions.gates_of(notification.run_id))
        payload = {"type": f"run.{notification.kind.value}", "timestamp": instant_as_json(utc_now()), "data": data}
        return json_text(json.dumps(payload, ensure_ascii=False)).encode()
