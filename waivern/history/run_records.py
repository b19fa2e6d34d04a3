"""What the history records of runs, their artifacts and their attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from waivern.messages.overview import Overview
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason, Trigger

LATEST = "latest"
"""Names the newest run wherever a run is named."""


@dataclass(frozen=True)
class ArtifactCounts:
    """How many artifacts a run has, and how many of them have which status; the rest is pending or running."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Worker:
    """The process that executes, or executed, a run."""

    host: str
    pid: int

    def __str__(self) -> str:
        return f"{self.host}, PID {self.pid}"


@dataclass(frozen=True)
class RunRecord:
    """A run as it is recorded. A `running` run that a person started is reported as `interrupted` if its process died.

    `runbook_digest` is None until the run is planned. `attempts` counts the attempts that began, without the released
    ones. `reanalysis_of` is the run whose data was analysed again, None for a run that read its sources.
    `restored` is `proven` or `unproven` for a run from an archive, None for a run that was executed here.
    """

    id: str
    runbook: str
    runbook_digest: str | None
    status: RunStatus
    trigger: str
    schedule: str | None
    due_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    epoch: int
    worker: Worker | None
    error: str | None
    artifacts: ArtifactCounts = field(default_factory=ArtifactCounts)
    attempts: int = 1
    max_attempts: int = 1
    priority: int = 0
    lease_until: datetime | None = None
    deadline: datetime | None = None
    reanalysis_of: str | None = None
    restored: str | None = None

    @property
    def duration_seconds(self) -> float | None:
        return seconds_between(self.started_at, self.ended_at)

    @property
    def lateness_seconds(self) -> float | None:
        """Return the seconds from the scheduled time to the start; None for a backfill."""
        return None if self.trigger == Trigger.BACKFILL else seconds_between(self.due_at, self.started_at)


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt at a run: `outcome` is a final run status, or `released`; None while it is running."""

    number: int
    worker: Worker
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error: str | None


@dataclass(frozen=True)
class FailedAttemptRecord:
    """A failed attempt at an artifact; `epoch` identifies the attempt at the run that it belongs to."""

    artifact_id: str
    epoch: int
    attempt: int
    started_at: datetime
    ended_at: datetime
    error: str


@dataclass(frozen=True)
class ArtifactRecord:
    """An artifact of a run: its status, the reason for it, and what describes its message."""

    artifact_id: str
    kind: str
    component: str | None
    status: ArtifactStatus
    epoch: int
    schema: str | None
    inputs: tuple[str, ...]
    aliases: tuple[str, ...]
    started_at: datetime | None
    ended_at: datetime | None
    skip_reason: SkipReason | None
    skipped_because: str | None
    error: str | None
    output: bool
    optional: bool
    digest: str | None
    size: int | None
    overview: Overview | None
    retain: str | None = None
    pruned_at: datetime | None = None
    pruned_because: str | None = None

    @property
    def duration_seconds(self) -> float | None:
        return seconds_between(self.started_at, self.ended_at)


@dataclass(frozen=True)
class RunDetails:
    """A run with its artifacts, in the order of its plan, its attempts, and the failed attempts at its artifacts.

    `gates` is {gate: number of violations}; 0 means that the gate passed.
    """

    run: RunRecord
    artifacts: Sequence[ArtifactRecord]
    attempts: Sequence[AttemptRecord] = ()
    failed_attempts: Sequence[FailedAttemptRecord] = ()
    gates: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFilter:
    """Which runs to return; None means any. `since` is inclusive, `until` is exclusive."""

    runbook: str | None = None
    status: RunStatus | None = None
    since: datetime | None = None
    until: datetime | None = None
    schedule: str | None = None
    trigger: str | None = None
    without_reanalyses: bool = False


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds from `start` to `end`; None if one of them is unknown."""
    return None if start is None or end is None else (end - start).total_seconds()
