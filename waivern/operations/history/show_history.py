"""Show past runs, their artifacts and messages."""

from collections.abc import Mapping, Sequence

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
    record = application.storage.history.find(run)
    return _details(application, record, gates=application.storage.decisions.gates_of(record.id))


def show_executed_run(application: Application, run_id: str) -> RunDetails:
    """Return a run that has just been closed; its gates have not been evaluated yet."""
    return _details(application, application.storage.history.find(run_id), gates={})


def show_artifact(application: Application, run: str, artifact: str) -> Message:
    """Return the message of one artifact of a run.

    Raises:
        RunError, ArtifactNotFoundError: there is no such run or artifact.
        CorruptArtifactError: the stored content differs from what was saved.
    """
    history = application.storage.history
    return history.message_of(history.find(run).id, artifact)


def _details(application: Application, run: RunRecord, *, gates: Mapping[str, int]) -> RunDetails:
    history = application.storage.history
    return RunDetails(
        run=run,
        artifacts=history.artifacts_of(run.id),
        attempts=history.attempts_of(run.id),
        failed_attempts=history.failed_attempts_of(run.id),
        gates=gates,
    )
