"""What `execute_run` is asked to do, and the callbacks through which it can be followed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from waivern.operations.exports.export_run import ExportRequest
from waivern.plans.plan import ExecutionPlan
from waivern.plans.replay_sources import ReplaySources
from waivern.runs.run import ArtifactChange, RunStatus, Trigger
from waivern.runs.run_store import ClaimedRun


@dataclass(frozen=True)
class RunRequest:
    """A run to be executed: a new one, one that is resumed, or one that was claimed from the queue.

    Args:
        runbook: The runbook's file.
        timeout_s: Seconds after which unfinished artifacts are skipped; None: as the runbook says.
        max_concurrency: How many artifacts may run at once; None: as the runbook says.
        working_directory: The base of relative paths in properties; None: the runbook's folder.
        resume: The run to resume: its id, a prefix of it, or "latest" for the newest of this runbook.
        trigger: What caused a new run.
        replay: For a reanalysis, the artifacts that the earlier run read.
        claimed: The run if it was claimed from the queue. Its process leaves signals to the service.
        gates: Gates to evaluate in addition to the runbook's.
        output_dir: A folder to write the artifacts to.
        exports: Exports to write; one without a file goes to RUN.EXTENSION in the current folder.
    """

    runbook: Path
    timeout_s: float | None = None
    max_concurrency: int | None = None
    working_directory: Path | None = None
    resume: str | None = None
    trigger: str = Trigger.MANUAL.value
    replay: ReplaySources | None = None
    claimed: ClaimedRun | None = None
    gates: Sequence[str] = ()
    output_dir: Path | None = None
    exports: Sequence[ExportRequest] = ()

    @property
    def reanalysis_of(self) -> str | None:
        """Return the id of the run whose sources are read again."""
        return None if self.replay is None else self.replay.run_id


@dataclass(frozen=True)
class StartedRun:
    """A run that has been started: its plan, and the artifacts that earlier attempts have produced."""

    run_id: str
    plan: ExecutionPlan
    already_succeeded: frozenset[str]


@dataclass(frozen=True)
class RunListener:
    """Callbacks that follow a run. They should return quickly; their errors are logged and never fail the run.

    Args:
        started: Called when the run has been started, with its plan.
        changed: Called on the event loop with each change of an artifact.
        closed: Called when the run has been closed, before it is compared and its gates are evaluated.
    """

    started: Callable[[StartedRun], None] | None = None
    changed: Callable[[ArtifactChange], None] | None = None
    closed: Callable[[RunStatus], None] | None = None
