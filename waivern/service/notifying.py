"""Telling people how the runs of a schedule ended."""

import json
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from waivern.errors import DatabaseError, WaivernError
from waivern.formats.records_as_json import gates_as_json, instant_as_json, run_as_json
from waivern.operations.application import Application
from waivern.runbooks.model.notify_config import NotifyConfig
from waivern.runbooks.variables.substitution import resolve
from waivern.runbooks.variables.watched_environment import WatchedEnvironment
from waivern.runs.notifications import DueNotification, NotificationKind
from waivern.runs.run import utc_now
from waivern.service.hook_command import run_command
from waivern.service.tally import Tally
from waivern.service.webhook import post

logger = logging.getLogger(__name__)

_WAITS_S = (10.0, 30.0, 120.0, 600.0)
_MOST_UNDER_WAY = 8


class Notifier:
    """Sends what is due, each notice in a thread of its own, so that a slow receiver holds up no other."""

    def __init__(self, application: Application, *, tally: Tally) -> None:
        self._application = application
        self._notifications = application.storage.notifications
        self._tally = tally
        self._under_way = threading.BoundedSemaphore(_MOST_UNDER_WAY)

    def deliver_due(self) -> None:
        """Begin to send what is due."""
        free = 0
        while free < _MOST_UNDER_WAY and self._under_way.acquire(blocking=False):
            free += 1
        due = self._notifications.claim_due(limit=free) if free else []
        for _ in range(free - len(due)):
            self._under_way.release()
        for notice in due:
            threading.Thread(target=self._deliver, args=(notice,), name="waivern-notice", daemon=True).start()

    def _deliver(self, notice: DueNotification) -> None:
        environment = WatchedEnvironment(self._application.environment)
        about = {"run_id": notice.run_id, "schedule": notice.schedule}
        try:
            try:
                self._send(notice, environment)
            except Exception as error:  # noqa: BLE001  whatever goes wrong, it is tried again
                said = str(error) if isinstance(error, WaivernError) else f"{type(error).__name__}: {error}"
                self._failed(notice, environment.redact(said), about)
            else:
                self._notifications.sent(notice)
                self._tally.noticed("sent")
                logger.info("Told %s: %s", notice.target, notice.kind.value, extra=about)
        except DatabaseError as error:
            logger.warning("How a notice fared cannot be recorded, it is sent again: %s", error, extra=about)
        finally:
            self._under_way.release()

    def _failed(self, notice: DueNotification, error: str, about: Mapping[str, object]) -> None:
        wait = _WAITS_S[notice.attempt - 1] if notice.attempt <= len(_WAITS_S) else None
        self._notifications.failed(notice, error=error, retry_in_s=wait)
        self._tally.noticed("failed" if wait is not None else "given_up")
        what_next = "it is given up" if wait is None else f"the next attempt follows in {wait:g} s"
        logger.warning("The %s could not be told, %s: %s", notice.target, what_next, error, extra=about)

    def _send(self, notice: DueNotification, environment: WatchedEnvironment) -> None:
        config = NotifyConfig.model_validate(resolve(dict(notice.notify), environment), strict=False)
        body = self._body(notice)
        if notice.target == "webhook" and config.webhook is not None:
            hook = config.webhook
            post(
                hook.url,
                body,
                message_id=f"{notice.run_id}.{notice.kind.value}",
                timestamp=int(time.time()),
                secret=hook.secret,
                timeout_s=hook.timeout,
                allow_private=hook.allow_private,
            )
        elif notice.target == "command" and config.command is not None:
            variables = {"WAIVERN_NOTICE": notice.kind.value, "WAIVERN_RUN": notice.run_id}
            run_command(config.command, body, environment=variables, timeout_s=config.timeout)

    def _body(self, notice: DueNotification) -> bytes:
        storage = self._application.storage
        data: dict[str, Any] = {"schedule": notice.schedule, "run": run_as_json(storage.history.find(notice.run_id))}
        if notice.kind is NotificationKind.GATE_TRIPPED:
            data["gates"] = gates_as_json(storage.decisions.gates_of(notice.run_id))
        said = {"type": f"run.{notice.kind.value}", "timestamp": instant_as_json(utc_now()), "data": data}
        return json.dumps(said, ensure_ascii=False).encode()
