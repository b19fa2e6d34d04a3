"""Delivers notifications about how the runs of a schedule ended."""

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from waivern.errors import DatabaseError, ScheduleError, WaivernError
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


class NoTargetError(WaivernError):
    """A notification has no target any more: its schedule was changed after it was queued."""


class Notifier:
    """Delivers due notifications, each as a job of its own, so that a slow receiver delays no other.

    Args:
        application: Where notifications wait and runs are recorded.
        jobs: Runs the deliveries.
        metrics: Counts them.
        runs_hook_commands: Whether it runs the hook commands that the installation allows.
    """

    def __init__(
        self,
        application: Application,
        *,
        jobs: BackgroundJobs,
        metrics: ServiceMetrics,
        runs_hook_commands: bool = True,
    ) -> None:
        self._application = application
        self._runs_hook_commands = runs_hook_commands
        self._has_logged_refused = False
        self._jobs = jobs
        self._metrics = metrics
        self._lock = threading.Lock()
        self._in_flight = 0

    def deliver_due(self) -> None:
        """Start due deliveries, at most 8 at a time."""
        self._log_refused_commands()
        free = _MAX_IN_FLIGHT - self._in_flight
        if free <= 0:
            return
        for notification in self._application.storage.services.claim_notifications(limit=free):
            with self._lock:
                self._in_flight += 1
            self._jobs.run(self._deliver, notification, name="notification")

    def _log_refused_commands(self) -> None:
        """Log once which schedules have hook commands that will not run."""
        if self._has_logged_refused:
            return
        for schedule in self._application.storage.schedules.all():
            command = _command_in(schedule.definition.notify)
            try:
                if command:
                    self._require_allowed(command, is_resolved=False)
            except ScheduleError as error:
                logger.warning("Notifications will fail: %s", error, extra={"schedule": schedule.name})
        self._has_logged_refused = True

    def _require_allowed(self, command: Sequence[str], *, is_resolved: bool) -> None:
        if not self._runs_hook_commands:
            raise ScheduleError(
                "This service runs no hook commands",
                remedy="Start it without --no-hook-commands, or remove notify.command",
            )
        self._application.hook_commands.require(command, is_resolved=is_resolved)

    def _deliver(self, notification: DueNotification) -> None:
        environment = WatchedEnvironment(self._application.environment)
        fields = {"run_id": notification.run_id, "schedule": notification.schedule}
        try:
            try:
                self._send(notification, environment)
            except NoTargetError as error:  # trying again would not help
                self._abandon(notification, str(error), fields)
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

    def _abandon(self, notification: DueNotification, error: str, fields: Mapping[str, object]) -> None:
        self._application.storage.services.notification_failed(notification, error=error, retry_in_s=None)
        self._metrics.notified("abandoned")
        logger.warning("Notification abandoned: %s", error, extra=fields)

    def _record_failure(self, notification: DueNotification, error: str, fields: Mapping[str, object]) -> None:
        attempt = notification.attempt
        delay = _RETRY_DELAYS_S[attempt - 1] if attempt <= len(_RETRY_DELAYS_S) else None
        self._application.storage.services.notification_failed(notification, error=error, retry_in_s=delay)
        self._metrics.notified("failed" if delay is not None else "abandoned")
        next_step = "abandoned" if delay is None else f"retried in {delay:g} s"
        logger.warning("Notification via %s failed, %s: %s", notification.target, next_step, error, extra=fields)

    def _send(self, notification: DueNotification, environment: WatchedEnvironment) -> None:
        if not notification.notify.get(notification.target):
            raise NoTargetError(
                f"The schedule '{notification.schedule}' no longer has a {notification.target} to notify"
            )
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
            self._require_allowed(config.command, is_resolved=True)
            variables = {
                **_variables(config.environment, environment),
                "WAIVERN_NOTIFICATION": notification.kind.value,
                "WAIVERN_RUN": notification.run_id,
            }
            run_command(config.command, body, environment=variables, timeout_s=config.timeout)
        else:
            raise NoTargetError(f"Waivern cannot notify a '{notification.target}'")

    def _body(self, notification: DueNotification) -> bytes:
        storage = self._application.storage
        run = run_as_json(storage.history.find(notification.run_id))
        data: dict[str, Any] = {"schedule": notification.schedule, "run": run}
        if notification.kind is NotificationKind.GATE_TRIPPED:
            data["gates"] = gates_as_json(storage.decisions.gates_of(notification.run_id))
        payload = {"type": f"run.{notification.kind.value}", "timestamp": instant_as_json(utc_now()), "data": data}
        return json_text(json.dumps(payload, ensure_ascii=False)).encode()


def _variables(names: Sequence[str], environment: Mapping[str, str]) -> Mapping[str, str]:
    missing = [name for name in names if name not in environment]
    if missing:
        raise ScheduleError(f"{missing[0]} is not set", remedy="Set it where the service runs")
    return {name: environment[name] for name in names}


def _command_in(notify: Any) -> Sequence[str]:
    """Return the hook command in stored settings, which anybody may have changed; none if it is of a wrong type."""
    command = notify.get("command") if isinstance(notify, Mapping) else None
    return [str(word) for word in command] if isinstance(command, list) else []
