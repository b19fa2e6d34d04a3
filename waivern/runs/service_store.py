"""The port through which services share a database: who they are, their notifications and their periodic tasks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from waivern.runs.notifications import DueNotification

HEARTBEAT_S = 5.0
"""Seconds between the heartbeats of a service."""


@dataclass(frozen=True)
class ServiceRecord:
    """A process of `waivern serve` or `waivern worker`.

    `kind` is "serve" or "worker"; `workers` is the number of runs that it executes at a time. It `is_alive` if it sent
    a heartbeat recently, has not stopped, and its process is not known to be dead.
    """

    id: str
    kind: str
    host: str
    pid: int
    version: str
    workers: int
    started_at: datetime
    heartbeat_at: datetime
    stopped_at: datetime | None
    is_alive: bool


@dataclass(frozen=True)
class RunningRun:
    """A running run with its worker; the lease and the deadline are None or in the past if they have expired."""

    run_id: str
    runbook: str
    schedule: str | None
    host: str
    pid: int
    attempt: int
    started_at: datetime | None
    lease_until: datetime
    deadline: datetime | None


@dataclass(frozen=True)
class Status:
    """The status of an installation at `now`, by the database's clock; `schedules` counts the active ones."""

    now: datetime
    services: Sequence[ServiceRecord]
    queued: int
    oldest_queued_at: datetime | None
    running: Sequence[RunningRun]
    schedules: int


class ServiceStore(ABC):
    """What the services of an installation share.

    A notification is queued in the transaction that closes its run, one for each target of the run's schedule; that a
    failed gate, in the transaction that records the run's gates. So each notification exists once, and it is delivered
    at least once, however many services deliver.
    """

    @abstractmethod
    def register(self, *, kind: str, workers: int, version: str) -> str:
        """Register this process as a service; return its id."""

    @abstractmethod
    def heartbeat(self, service_id: str) -> bool:
        """Record that a service is alive; return False if its entry was deleted and it has to register again."""

    @abstractmethod
    def deregister(self, service_id: str) -> None:
        """Record that a service has stopped in order."""

    @abstractmethod
    def status(self) -> Status:
        """Return the services, the queue and the running runs.

        Services without a heartbeat for more than a day are left out.
        """

    @abstractmethod
    def free_bytes(self) -> int | None:
        """Return the free space of the disk that holds the database; None if it is on a server."""

    @abstractmethod
    def claim_notifications(self, *, limit: int) -> Sequence[DueNotification]:
        """Claim up to `limit` due notifications, each for `delivery_lease_s` seconds; then it is due again."""

    @abstractmethod
    def notification_delivered(self, notification: DueNotification) -> None:
        """Record that a notification was delivered."""

    @abstractmethod
    def notification_failed(self, notification: DueNotification, *, error: str, retry_in_s: float | None) -> None:
        """Record that a delivery failed; None abandons the notification.

        Nothing is recorded if it was delivered or claimed again in the meantime.
        """

    @abstractmethod
    def claim_periodic_task(self, name: str, *, next_run_at: datetime) -> bool:
        """Return whether this process has to run a periodic task now: it is due, and no other process claimed it.

        Args:
            name: The task's name.
            next_run_at: When it is due again. A task that was never claimed is due at this time for the first time.
        """
