"""Apply today's rules to what an earlier run had read, without touching a source."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from waivern.errors import RunError
from waivern.history.run_records import ArtifactRecord, RunRecord
from waivern.messages.schema import Schema
from waivern.operations.application import Application
from waivern.operations.runs.run_runbook import RunRequest
from waivern.plans.replay_sources import MissingSource, ReplaySources
from waivern.runs.run import UNFINISHED, ArtifactStatus, Trigger

_TAKEN_OVER = ("source", "reuse")
_RUN_ANEW = "Take a run whose sources are all kept, or run the runbook anew"


@contextmanager
def reanalysis_of(application: Application, run: str, *, working_directory: Path | None) -> Iterator[RunRequest]:
    """Hand out what is to be run so that a run's sources are analysed again; good for as long as the block lasts.

    The runbook is the text that the run had, wherever its file is now. Of a reanalysis, it is the run behind it.
    An optional source that the run had not read is not there again.

    Args:
        application: What is installed.
        run: The run, by its id, a prefix of it, or "latest".
        working_directory: What relative paths in the properties of analysers are meant from; the current one if None.

    Raises:
        RunError: there is no such run, it is still going, or a source of it failed that is not optional, or was
            pruned; names which.
    """
    history = application.storage.history
    origin = history.find(run)
    if origin.reanalysis_of is not None:
        origin = history.find(origin.reanalysis_of)
    _refuse_what_was_not_read(origin)
    artifacts = history.artifacts_of(origin.id)
    _refuse_what_is_not_kept(origin, artifacts)
    earlier = ReplaySources(origin.id, _absent(origin, artifacts))
    with tempfile.TemporaryDirectory(prefix="waivern-reanalysis-") as folder:
        file = _written(application, origin, Path(folder))
        directory = working_directory or Path.cwd()
        yield RunRequest(file, working_directory=directory, trigger=Trigger.REANALYSIS.value, earlier=earlier)


def _refuse_what_was_not_read(run: RunRecord) -> None:
    if run.status in UNFINISHED:
        raise RunError(f"The run {run.id} is still {run.status.value}", remedy="Wait until it has ended")
    if run.runbook_digest is None:
        raise RunError(f"The run {run.id} never began: it has read nothing", remedy=_RUN_ANEW)


def _refuse_what_is_not_kept(run: RunRecord, artifacts: Iterable[ArtifactRecord]) -> None:
    faults = [
        f"'{artifact.artifact_id}' {fault}"
        for artifact in artifacts
        if artifact.kind in _TAKEN_OVER and (fault := _why_not(artifact)) is not None
    ]
    if faults:
        raise RunError(f"What the run {run.id} had read is not all there: {', '.join(faults)}", remedy=_RUN_ANEW)


def _why_not(artifact: ArtifactRecord) -> str | None:
    if artifact.status is not ArtifactStatus.SUCCEEDED:
        return None if artifact.optional else f"was not made ({artifact.status.value})"
    if artifact.pruned_at is None:
        return None
    return f"is not kept since {artifact.pruned_at:%Y-%m-%d} ({artifact.pruned_because or 'pruned'})"


def _absent(run: RunRecord, artifacts: Iterable[ArtifactRecord]) -> dict[str, MissingSource]:
    """The optional sources that the run had not read, and why."""
    return {
        artifact.artifact_id: MissingSource(Schema.parse(artifact.schema), _why_absent(run, artifact))
        for artifact in artifacts
        if artifact.kind in _TAKEN_OVER and artifact.status is not ArtifactStatus.SUCCEEDED and artifact.schema
    }


def _why_absent(run: RunRecord, artifact: ArtifactRecord) -> str:
    because = artifact.error or (artifact.skip_reason.value if artifact.skip_reason else artifact.status.value)
    return f"The run {run.id} had not read it: {because}"


def _written(application: Application, run: RunRecord, folder: Path) -> Path:
    """Write the runbook and its children down as the run had them; return the runbook's file."""
    texts = application.storage.history.sources_of(run.id)
    deep = folder.joinpath(*("folder" for _ in range(_folders_up(texts))))
    paths = [deep / name for name in texts]
    if not all(path.resolve().is_relative_to(folder.resolve()) for path in paths):
        raise RunError(f"The run {run.id} used a child runbook from another file system", remedy=_RUN_ANEW)
    for path, text in zip(paths, texts.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return paths[0]


def _folders_up(names: Iterable[str]) -> int:
    """Return how many folders above the runbook's own its children lie at most, as `template_paths` allow."""
    return max((Path(name).parts.count("..") for name in names), default=0)
