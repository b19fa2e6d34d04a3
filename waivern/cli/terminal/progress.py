"""Progress of a run on standard error."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from waivern.cli.terminal.formatting import count, duration, short_id, state, why_skipped
from waivern.cli.terminal.output import remark
from waivern.escaping import one_line
from waivern.history.run_records import seconds_between
from waivern.plans.plan import ExecutionPlan
from waivern.runs.run import ArtifactChange, ArtifactStatus

_FINAL = (ArtifactStatus.SUCCEEDED, ArtifactStatus.FAILED, ArtifactStatus.SKIPPED)


@dataclass
class Step:
    """The progress of one artifact; `remark` is its error or skip reason."""

    status: ArtifactStatus = ArtifactStatus.PENDING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    remark: str = ""

    @property
    def has_ended(self) -> bool:
        return self.status in _FINAL

    def apply(self, change: ArtifactChange) -> None:
        """Update the status and times from a change."""
        self.status = change.status
        if change.status is ArtifactStatus.RUNNING:
            self.started_at = change.at
        else:
            self.ended_at = change.at
        self.remark = one_line(change.error or why_skipped(change.skip_reason, change.skipped_because))


class Progress(ABC):
    """Follows one run. Call `open` once and `change` for every change, within the context manager."""

    def __init__(self) -> None:
        self.run_id: str | None = None
        self.runbook = ""
        self.steps: dict[str, Step] = {}
        self.inputs: dict[str, tuple[str, ...]] = {}

    def open(self, run_id: str, plan: ExecutionPlan, *, already_succeeded: Collection[str] = ()) -> None:
        """Start with a run; artifacts of an earlier attempt have succeeded already."""
        self.runbook = one_line(plan.runbook.name)
        self.inputs = {artifact_id: plan.dag.get_inputs(artifact_id) for artifact_id in plan.dag.artifact_ids}
        self.steps = {artifact_id: Step() for artifact_id in plan.dag.artifact_ids}
        for artifact_id in already_succeeded:
            self.steps[artifact_id] = Step(ArtifactStatus.SUCCEEDED, remark="from an earlier attempt")
        self.run_id = run_id
        self._opened()

    def change(self, change: ArtifactChange) -> None:
        """Show a change."""
        self.steps[change.artifact_id].apply(change)
        self._changed(change.artifact_id, self.steps[change.artifact_id])

    @property
    def ended(self) -> int:
        return sum(step.has_ended for step in self.steps.values())

    @abstractmethod
    def _opened(self) -> None: ...

    @abstractmethod
    def _changed(self, artifact_id: str, step: Step) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop showing progress."""
        return


class SilentProgress(Progress):
    """Shows nothing."""

    def _opened(self) -> None:
        pass

    def _changed(self, artifact_id: str, step: Step) -> None:
        pass


class PlainProgress(Progress):
    """Prints one line per change, for logs and pipes."""

    def _opened(self) -> None:
        reused = f", {self.ended:,} from an earlier attempt" if self.ended else ""
        artifacts = count(len(self.steps), "artifact")
        remark(f"Run {short_id(self.run_id or '')} of {self.runbook}: {artifacts}{reused}")

    def _changed(self, artifact_id: str, step: Step) -> None:
        took = duration(seconds_between(step.started_at, step.ended_at)) if step.has_ended else ""
        line = f"{one_line(artifact_id)}: {state(step.status).text}"
        line += f" in {took}" if took else ""
        remark(f"{line}: {step.remark}" if step.remark else line)
