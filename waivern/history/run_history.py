"""The port through which past runs are asked about."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from waivern.artifacts.store import PastArtifact
from waivern.messages.message import Message
from waivern.messages.overview import Overview
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason, Trigger

LATEST = "latest"
"""What stands for the newest run wherever a run is named."""


@dataclass(frozen=True)
class ArtifactCounts:
    """How many artifacts a run has, and how many of them ended how; the rest is pending or running."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Worker:
    """A process that makes, or made, a run."""

    host: str
    pid: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True)
class RunRecord:
    """A run as it is remembered. A `running` one by hand whose process is gone is told as `interrupted`.

    `runbook_digest` is None while the run has not been planned. `attempts` counts those that were begun, without those
    that were handed back. `reanalysis_of` is the run whose sources it looked at again, None where it read its own.
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

    @property
    def duration_seconds(self) -> float | None:
        return seconds_between(self.started_at, self.ended_at)

    @property
    def lateness_seconds(self) -> float | None:
        """Return the seconds from the instant that it was due to its start; None where it was made up for later."""
        return None if self.trigger == Trigger.BACKFILL else seconds_between(self.due_at, self.started_at)


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt at a run: `outcome` is a run's final status, or `released`; None while it goes on."""

    number: int
    worker: Worker
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error: str | None


@dataclass(frozen=True)
class FailedAttemptRecord:
    """An attempt at an artifact that failed; `epoch` tells the attempts at the run apart."""

    artifact_id: str
    epoch: int
    attempt: int
    started_at: datetime
    ended_at: datetime
    error: str


@dataclass(frozen=True)
class ArtifactRecord:
    """An artifact of a past run: how it ended, why, and what its message is known by."""

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
class RunFilter:
    """Which runs are asked for; None means any. `since` is meant inclusively, `until` is not."""

    runbook: str | None = None
    status: RunStatus | None = None
    since: datetime | None = None
    until: datetime | None = None
    schedule: str | None = None
    trigger: str | None = None
    without_reanalyses: bool = False


class RunHistory(ABC):
    """Everything that is remembered of past runs, and of those that are going on."""

    @abstractmethod
    def recent(self, wanted: RunFilter, *, limit: int) -> Sequence[RunRecord]:
        """Return up to `limit` runs, newest first."""

    @abstractmethod
    def find(self, run: str) -> RunRecord:
        """Return one run.

        Args:
            run: Its id, a prefix of it that no other run shares, or "latest".

        Raises:
            RunError: there is none, or more than one; names them.
        """

    @abstractmethod
    def artifacts_of(self, run_id: str) -> Sequence[ArtifactRecord]:
        """Return the run's artifacts in the order of its plan."""

    @abstractmethod
    def attempts_at(self, run_id: str) -> Sequence[AttemptRecord]:
        """Return the attempts at the run, the first one first."""

    @abstractmethod
    def failed_attempts_of(self, run_id: str) -> Sequence[FailedAttemptRecord]:
        """Return the failed attempts at its artifacts that were to be recorded, in the order in which they ended."""

    @abstractmethod
    def message_of(self, run_id: str, artifact: str) -> Message:
        """Return an artifact's message, by its id or by the name that a runbook gives a child's artifact.

        Raises:
            ArtifactNotFoundError: the run made no such artifact; names those it made.
            PrunedArtifactError: it is not kept any more.
            CorruptArtifactError: what is stored is not what was saved.
        """

    @abstractmethod
    def find_artifact(self, *, from_run: str, artifact_id: str, runbook: str) -> PastArtifact:
        """Find a succeeded artifact of an earlier run; see `PastArtifacts`, which a history provides."""

    @abstractmethod
    def items_of(self, run_id: str, artifact: str, key: str) -> Iterator[Any]:
        """Return the items of the list `key` of an artifact's content one by one.

        Those of a large content are unpacked as they are asked for, after all of it was checked.

        Raises:
            As `message_of`.
        """

    @abstractmethod
    def envelope_without(self, run_id: str, artifact: str, key: str) -> Mapping[str, Any]:
        """Return an artifact's content without its list `key`, which is not unpacked where the content is large.

        Raises:
            As `message_of`.
        """

    @abstractmethod
    def sources_of(self, run_id: str) -> Mapping[str, str]:
        """Return the unresolved text of the run's runbook and of its children, by path."""


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds from `start` to `end`, or None where one of them is not known."""
    return None if start is None or end is None else (end - start).total_seconds()
