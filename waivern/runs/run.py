"""What a run and its artifacts can be, in words that the database, the terminal and the exports share."""

import secrets
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


def new_run_id(now: datetime) -> str:
    """Return a UUID version 7 that begins with the milliseconds of `now` (aware): ids sort as their runs began.

    Source: RFC 9562, section 5.7.
    """
    milliseconds = int(now.timestamp() * 1000)
    bits = (milliseconds << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    return str(UUID(int=bits))


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)
