"""Show past runs, their artifacts and messages."""

from collections.abc import Sequence

from waivern.history.run_records import RunDetails, RunFilter, RunRecord
from waivern.messages.message import Message
from waivern.operations.application import Application


def show_history(application: Application, run_filter: RunFilter, *, limit: int) -> Sequence[RunRecord]:
    """Return up to `limit` runs, newest first."""
    return application.storage.history.recent(run_filter, limit=limit)


def show_run(application: Application, run: str) -> RunDetails:
    """Return one run, by its id, an unambiguous prefix of it, or "latest".

    Raises:
        RunError: there is no such run, or more than one.
    """
    history = application.storage.history
    found = history.find(run)
    return RunDetails(
        run=found,
        artifacts=history.artifacts_of(found.id),
        attempts=history.attempts_of(found.id),
        failed_attempts=history.failed_attempts_of(found.id),
        gates=application.storage.decisions.gates_of(found.id),
    )


def show_artifact(application: Application, run: str, artifact: str) -> Message:
    """Return the message of one artifact of a run.

    Raises:
        RunError, ArtifactNotFoundError: there is no such run or artifact.
        CorruptArtifactError: the stored content differs from what was saved.
    """
    history = application.storage.history
    return history.message_of(history.find(run).id, artifact)
