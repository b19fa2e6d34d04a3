"""The result of executing a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from waivern.messages.message import Message
from waivern.runs.run import RunStatus, SkipReason


@dataclass(frozen=True)
class ArtifactResult:
    """How one artifact ended.

    Args:
        artifact_id: The artifact.
        success: Whether it succeeded.
        message: None if it failed, if an earlier attempt of the run had produced it, or if the executor does not keep
            messages; the store has it.
        error: Why it failed.
        duration_seconds: The duration of the last attempt.
        attempts: How many attempts it took.
        is_final: Whether every further attempt would fail in the same way.
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
    """How a run ended. Each artifact of the plan is either in `artifacts` or in `skipped`, never in both."""

    artifacts: Mapping[str, ArtifactResult]
    skipped: frozenset[str]
    skip_reasons: Mapping[str, SkipReason]
    status: RunStatus
    total_duration_seconds: float
    skipped_because: Mapping[str, str] = field(default_factory=dict)
