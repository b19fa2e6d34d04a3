"""What a run and its artifacts can be, in words that the database, the terminal and the exports share."""

import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID


class RunStatus(StrEnum):
    """How far a run is. Only `running` has an owner and a lease; the last five are final until it is resumed."""

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
    """How far an artifact is; the last three are final within one attempt of a run."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class SkipReason(StrEnum):
    """Why an artifact was not made; `interrupted`: the run itself could not go on."""

    DEPENDENCY_FAILED = "dependency_failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Trigger(StrEnum):
    """What caused a run: a person, a due instant, one that was missed, or a person who asked a schedule for more.

    `reanalysis`: a person who wants today's rules applied to what an earlier run had read.
    """

    MANUAL = "manual"
    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"
    BACKFILL = "backfill"
    TRIGGER = "trigger"
    REANALYSIS = "reanalysis"


@dataclass(frozen=True)
class ArtifactChange:
    """A step in an artifact's life, as a run log notes it.

    `skipped_because` names the artifact whose failure made this one impossible.
    """

    artifact_id: str
    status: ArtifactStatus
    at: datetime
    error: str | None = None
    skip_reason: SkipReason | None = None
    skipped_because: str | None = None


@dataclass(frozen=True)
class FailedAttempt:
    """An attempt at an artifact that came to nothing; `attempt` counts from 1 each time that the run is taken up."""

    artifact_id: str
    attempt: int
    started_at: datetime
    ended_at: datetime
    error: str


class _Rests:
    """What is behind the milliseconds: 74 bits, random, or a random step further within the same millisecond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = -1
        self._rest = 0

    def after(self, milliseconds: int) -> int:
        with self._lock:
            is_same = milliseconds == self._milliseconds
            self._milliseconds = milliseconds
            self._rest = self._rest + 1 + secrets.randbits(32) if is_same else secrets.randbits(73)
            return self._rest


_RESTS = _Rests()


def new_run_id(now: datetime) -> str:
    """Return a UUID version 7 that begins with the milliseconds of `now` (aware): ids sort as their runs began.

    Those that a process makes one after the other for one millisecond sort in that order too.

    Source: RFC 9562, section 5.7; section 6.2, method 2.
    """
    milliseconds = int(now.timestamp() * 1000)
    rest = _RESTS.after(milliseconds)
    bits = (milliseconds << 80) | (0x7 << 76) | (rest >> 62 << 64) | (0b10 << 62) | (rest & (1 << 62) - 1)
    return str(UUID(int=bits))


def short_id(run_id: str) -> str:
    """Return the prefix of a run ID that identifies it in practice."""
    return run_id[:_SHORT_ID_LENGTH]


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)
