"""Ask about past runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from waivern.history.run_history import ArtifactRecord, AttemptRecord, FailedAttemptRecord, RunFilter, RunRecord
from waivern.messages.message import Message
from waivern.operations.application import Application


@dataclass(frozen=True)
class RunDetails:
    """A run with its artifacts, in the order of its plan, the attempts at it, and those at artifacts that failed.

    `gates` says by how much each of its gates tripped; 0: it did not.
    """

    run: RunRecord
    artifacts: Sequence[ArtifactRecord]
    attempts: Sequence[AttemptRecord] = ()
    failed_attempts: Sequence[FailedAttemptRecord] = ()
    gates: Mapping[str, int] = field(default_factory=dict)


def show_history(application: Application, wanted: RunFilter, *, limit: int) -> Sequence[RunRecord]:
    """Return up to `limit` runs, newest first."""
    return application.storage.history.recent(wanted, limit=limit)


def show_run(application: Application, run: str) -> RunDetails:
    """Return one run: by its id, an unambiguous prefix of it, or "latest".

    Raises:
        RunError: there is no such run, or more than one.
    """
    history = application.storage.history
    found = history.find(run)
    return RunDetails(
        run=found,
        artifacts=history.artifacts_of(found.id),
        attempts=history.attempts_at(found.id),
        failed_attempts=history.failed_attempts_of(found.id),
        gates=application.storage.gates.of_run(found.id),
    )


def show_artifact(application: Application, run: str, artifact: str) -> Message:
    """Return the message of one artifact of a run.

    Raises:
        RunError, ArtifactNotFoundError: there is no such run or artifact.
        CorruptArtifactError: what is stored is not what was saved.
    """
    history = application.storage.history
    return history.message_of(history.find(run).id, artifact)
