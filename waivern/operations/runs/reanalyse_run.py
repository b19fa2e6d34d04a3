"""Reanalyse a run: apply the current rules to what it read, without reading a source again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from waivern.errors import RunError
from waivern.history.run_records import ArtifactRecord, RunRecord
from waivern.messages.schema import Schema
from waivern.operations.application import Application
from waivern.operations.runs.run_request import RunRequest
from waivern.plans.replay_sources import MissingSource, ReplaySources
from waivern.processes.temporary_folders import temporary_folder
from waivern.runs.run import UNFINISHED, ArtifactStatus, Trigger

_REPLAYED_KINDS = ("source", "reuse")
_RUN_AGAIN = "Choose a run whose sources are all kept, or run the runbook again"


@contextmanager
def reanalysis_of(application: Application, run: str, *, working_directory: Path | None) -> Iterator[RunRequest]:
    """Yield the request for a reanalysis of a run; it is valid within the block.

    The runbook is the text that the run was executed with, wherever its file is now. The reanalysis of a reanalysis
    reads the sources of the run behind it. Optional sources that the run did not read are missing again.

    Args:
        application: The application.
        run: The run: its id, a prefix of it, or "latest".
        working_directory: The base of relative paths in the properties of analysers; None: the current folder.

    Raises:
        RunError: the run does not exist or has not ended, or a source of it that is not optional has failed or was
            pruned; names the sources.
    """
    history = application.storage.history
    origin = history.find(run)
    if origin.reanalysis_of is not None:
        origin = history.find(origin.reanalysis_of)
    _refuse_unfinished(origin)
    artifacts = history.artifacts_of(origin.id)
    _refuse_lost_sources(origin, artifacts)
    replay = ReplaySources(origin.id, _missing_sources(origin, artifacts))
    with temporary_folder("reanalysis") as folder:
        file = _write_runbook(application, origin, folder)
        directory = working_directory or Path.cwd()
        yield RunRequest(file, working_directory=directory, trigger=Trigger.REANALYSIS.value, replay=replay)


def _refuse_unfinished(run: RunRecord) -> None:
    if run.status in UNFINISHED:
        raise RunError(f"The run {run.id} is still {run.status.value}", remedy="Wait until it has ended")
    if run.runbook_digest is None:
        raise RunError(f"The run {run.id} was never started and has read nothing", remedy=_RUN_AGAIN)


def _refuse_lost_sources(run: RunRecord, artifacts: Iterable[ArtifactRecord]) -> None:
    problems = [
        f"'{artifact.artifact_id}' {problem}"
        for artifact in artifacts
        if artifact.kind in _REPLAYED_KINDS and (problem := _problem_with(artifact)) is not None
    ]
    if problems:
        raise RunError(
            f"Not all sources of the run {run.id} can be read again: {', '.join(problems)}", remedy=_RUN_AGAIN
        )


def _problem_with(artifact: ArtifactRecord) -> str | None:
    if artifact.status is not ArtifactStatus.SUCCEEDED:
        return None if artifact.optional else f"did not succeed ({artifact.status.value})"
    if artifact.pruned_at is None:
        return None
    return f"was deleted on {artifact.pruned_at:%Y-%m-%d} ({artifact.pruned_because or 'pruned'})"


def _missing_sources(run: RunRecord, artifacts: Iterable[ArtifactRecord]) -> dict[str, MissingSource]:
    """The optional sources that the run did not read, with the reasons."""
    return {
        artifact.artifact_id: MissingSource(Schema.parse(artifact.schema), _reason_for_missing(run, artifact))
        for artifact in artifacts
        if artifact.kind in _REPLAYED_KINDS and artifact.status is not ArtifactStatus.SUCCEEDED and artifact.schema
    }


def _reason_for_missing(run: RunRecord, artifact: ArtifactRecord) -> str:
    reason = artifact.error or (artifact.skip_reason.value if artifact.skip_reason else artifact.status.value)
    return f"It was not read by the run {run.id}: {reason}"


def _write_runbook(application: Application, run: RunRecord, folder: Path) -> Path:
    """Write the runbook and its children as the run was executed with them; return the runbook's file."""
    texts = application.storage.history.sources_of(run.id)
    nested = folder.joinpath(*("folder" for _ in range(_levels_up(texts))))
    paths = [nested / name for name in texts]
    if not all(path.resolve().is_relative_to(folder.resolve()) for path in paths):
        raise RunError(f"The run {run.id} used a child runbook from another file system", remedy=_RUN_AGAIN)
    for path, text in zip(paths, texts.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return paths[0]


def _levels_up(names: Iterable[str]) -> int:
    """Return how many folders above the runbook's its children are at most, which `template_paths` allows."""
    return max((Path(name).parts.count("..") for name in names), default=0)
