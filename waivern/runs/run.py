"""The statuses, reasons and ids of runs and artifacts, which the database, the terminal and the exports share."""

import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID


class RunStatus(StrEnum):
    """The status of a run. Only a running one has an owner and a lease; the last five are final until it is resumed."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


_SHORT_ID_LENGTH = 18  # the milliseconds and 12 random bits of a UUIDv7: unique in practice
UNFINISHED = (RunStatus.QUEUED, RunStatus.RUNNING)
"""The statuses of a run that has not ended."""

RESUMABLE = (RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.CANCELLED, RunStatus.INTERRUPTED)
"""The statuses of an ended run that can be resumed."""


class ArtifactStatus(StrEnum):
    """The status of an artifact; the last three are final within one attempt of a run."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class SkipReason(StrEnum):
    """Why an artifact did not run; `interrupted`: the run itself was interrupted."""

    DEPENDENCY_FAILED = "dependency_failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Trigger(StrEnum):
    """What caused a run.

    manual: a person. schedule: its scheduled time. catch_up: a scheduled time that was missed. backfill: a request for
    past scheduled times. trigger: a request for an extra run of a schedule. reanalysis: a request to apply the current
    rules to what an earlier run had read.
    """

    MANUAL = "manual"
    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"
    BACKFILL = "backfill"
    TRIGGER = "trigger"
    REANALYSIS = "reanalysis"


@dataclass(frozen=True)
class ArtifactChange:
    """A change of an artifact's status. `skipped_because` names the failed artifact that it depends on."""

    artifact_id: str
    status: ArtifactStatus
    at: datetime
    error: str | None = None
    skip_reason: SkipReason | None = None
    skipped_because: str | None = None


@dataclass(frozen=True)
class FailedAttempt:
    """A failed attempt at an artifact; `attempt` counts from 1 again each time that the run is resumed."""

    artifact_id: str
    attempt: int
    started_at: datetime
    ended_at: datetime
    error: str


class _RandomTail:
    """The 74 random bits of a UUIDv7; incremented by a random step within one millisecond, so that ids sort."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = -1
        self._tail = 0

    def next(self, milliseconds: int) -> int:
        with self._lock:
            is_same = milliseconds == self._milliseconds
            self._milliseconds = milliseconds
            self._tail = self._tail + 1 + secrets.randbits(32) if is_same else secrets.randbits(73)
            return self._tail


_RANDOM_TAIL = _RandomTail()


def new_run_id(now: datetime) -> str:
    """Return a UUID version 7 with the milliseconds of `now` (aware), so that ids sort by creation time.

    Ids that one process creates in one millisecond sort in the order of their creation too.

    Source: RFC 9562, section 5.7; section 6.2, method 2.
    """
    milliseconds = int(now.timestamp() * 1000)
    tail = _RANDOM_TAIL.next(milliseconds)
    bits = (milliseconds << 80) | (0x7 << 76) | (tail >> 62 << 64) | (0b10 << 62) | (tail & (1 << 62) - 1)
    return str(UUID(int=bits))


def short_id(run_id: str) -> str:
    """Return the prefix of a run ID that identifies it in practice."""
    return run_id[:_SHORT_ID_LENGTH]


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)
