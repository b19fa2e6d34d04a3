"""What a run came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from waivern.messages.message import Message
from waivern.runs.run import RunStatus, SkipReason


@dataclass(frozen=True)
class ArtifactResult:
    """How the making of one artifact ended.

    `message` is None for a failed artifact, for one that an earlier attempt of the run made, and where the executor
    was told not to keep messages: the store has it. `duration_seconds` counts from the start of the last of its
    `attempts`. A failure that `is_final` would be the same however often it is tried.
    """

    artifact_id: str
    success: bool
    message: Message | None = None
    error: str | None = None
    duration_seconds: float = 0.0
    attempts: int = 1
    is_final: bool = False


@dataclass(frozen=True)
class ExecutionResult:
    """How a run ended: each artifact of the plan is either in `artifacts` or in `skipped`, never in both."""

    artifacts: Mapping[str, ArtifactResult]
    skipped: frozenset[str]
    skip_reasons: Mapping[str, SkipReason]
    status: RunStatus
    total_duration_seconds: float
    skipped_because: Mapping[str, str] = field(default_factory=dict)
