"""What a run tells on standard error while it goes on."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import click

from waivern.cli.shell.escaping import one_line
from waivern.cli.terminal.formatting import count, duration, short_id, state, why_skipped
from waivern.history.run_history import seconds_between
from waivern.plans.plan import ExecutionPlan
from waivern.runs.run import ArtifactChange, ArtifactStatus

_ENDED = (ArtifactStatus.SUCCEEDED, ArtifactStatus.FAILED, ArtifactStatus.SKIPPED)


@dataclass
class Step:
    """How far one artifact is; `remark` says what a person wants to know of that."""

    status: ArtifactStatus = ArtifactStatus.PENDING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    remark: str = ""

    @property
    def has_ended(self) -> bool:
        return self.status in _ENDED

    def take(self, change: ArtifactChange) -> None:
        """Go on to where `change` says that the artifact is."""
        self.status = change.status
        if change.status is ArtifactStatus.RUNNING:
            self.started_at = change.at
        else:
            self.ended_at = change.at
        self.remark = one_line(change.error or why_skipped(change.skip_reason, change.skipped_because))


class Progress(ABC):
    """Follows one run: told when it opens and of each change; a context manager that lasts as long as it shows any."""

    def __init__(self) -> None:
        self.run_id: str | None = None
        self.runbook = ""
        self.steps: dict[str, Step] = {}
        self.inputs: dict[str, tuple[str, ...]] = {}

    def open(self, run_id: str, plan: ExecutionPlan, *, already_made: Collection[str] = ()) -> None:
        """Begin with a run; what an earlier attempt made has ended already."""
        self.runbook = one_line(plan.runbook.name)
        self.inputs = {artifact_id: plan.dag.get_inputs(artifact_id) for artifact_id in plan.dag.artifact_ids}
        self.steps = {artifact_id: Step() for artifact_id in plan.dag.artifact_ids}
        for artifact_id in already_made:
            self.steps[artifact_id] = Step(ArtifactStatus.SUCCEEDED, remark="made before")
        self.run_id = run_id
        self._opened()

    def change(self, change: ArtifactChange) -> None:
        """Take note of a change."""
        self.steps[change.artifact_id].take(change)
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
        """Show nothing more."""
        return


class SilentProgress(Progress):
    """Tells nothing."""

    def _opened(self) -> None:
        pass

    def _changed(self, artifact_id: str, step: Step) -> None:
        pass


class PlainProgress(Progress):
    """One line a change: for logs and pipes."""

    def _opened(self) -> None:
        made_before = f", {self.ended:,} of them made before" if self.ended else ""
        artifacts = count(len(self.steps), "artifact")
        _tell(f"Run {short_id(self.run_id or '')} of {self.runbook}: {artifacts}{made_before}")

    def _changed(self, artifact_id: str, step: Step) -> None:
        took = duration(seconds_between(step.started_at, step.ended_at)) if step.has_ended else ""
        told = f"{one_line(artifact_id)}: {state(step.status).text}"
        told += f" in {took}" if took else ""
        _tell(f"{told}: {step.remark}" if step.remark else told)


def _tell(line: str) -> None:
    try:
        click.echo(line, err=True)
    except OSError:  # nobody listens; that must not end a run
        return
