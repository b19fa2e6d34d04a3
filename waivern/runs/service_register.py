"""The port through which services say that they are there, and what they have to do."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

SIGN_OF_LIFE_S = 5.0
"""How often a service gives a sign of life, in seconds."""


@dataclass(frozen=True)
class ServiceRecord:
    """A process of `waivern serve` or `waivern worker`.

    `kind` is "serve" or "worker"; `workers` says how many runs it makes at a time. It `is_alive` while it gave a sign
    of life within the last seconds and is not known dead.
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
    """A run that is going on: who makes it, since when, and until when its lease and its time last."""

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
    """How an installation stands at `now`, by the database's clock; `schedules` counts those that are active."""

    now: datetime
    services: Sequence[ServiceRecord]
    queued: int
    oldest_queued_at: datetime | None
    running: Sequence[RunningRun]
    schedules: int


class ServiceRegister(ABC):
    """Where services are known."""

    @abstractmethod
    def appear(self, *, kind: str, workers: int, version: str) -> str:
        """Say that this process is a service from now on; return the id under which it is known."""

    @abstractmethod
    def give_sign_of_life(self, service_id: str) -> bool:
        """Say that the service is still there; return False where it is not known any more, and has to appear anew."""

    @abstractmethod
    def leave(self, service_id: str) -> None:
        """Say that the service has ended as it should."""

    @abstractmethod
    def status(self) -> Status:
        """Return who is there and what waits or is being done.

        Services that ended more than a day ago are left out.
        """
