"""Write a run's artifacts into files."""

from dataclasses import dataclass, field
from pathlib import Path

from waivern.messages.canonical import canonical_bytes
from waivern.operations.application import Application
from waivern.operations.exports.atomic_files import make_private_folder, write_atomically
from waivern.operations.runs.show_history import show_run
from waivern.runs.run import ArtifactStatus


@dataclass(frozen=True)
class ExportedArtifacts:
    """The files that were written, by artifact id, and the artifacts whose messages are not kept any more."""

    run_id: str
    files: dict[str, Path]
    pruned: list[str] = field(default_factory=list)


def export_artifacts(
    application: Application, run: str, folder: Path, *, only_outputs: bool = False
) -> ExportedArtifacts:
    """Write each succeeded artifact's content as `<artifact id>.json` into `folder`, which is made where there is none.

    A child's artifact lies in a folder of its parent's name. Files are readable by their owner only: what a source
    artifact holds is the data that was scanned. A file that is there already is replaced. What was pruned is
    named, and left out.

    Args:
        application: What is installed.
        run: The run's id, a prefix of it, or "latest".
        folder: Where to write.
        only_outputs: Leave out what the runbook does not mark as `output`, unless it marks nothing.

    Raises:
        RunError: there is no such run.
        UsageError: the folder cannot be written.
        CorruptArtifactError: what is stored is not what was saved.
    """
    details = show_run(application, run)
    made = [artifact for artifact in details.artifacts if artifact.status is ArtifactStatus.SUCCEEDED]
    if only_outputs and any(artifact.output for artifact in details.artifacts):
        made = [artifact for artifact in made if artifact.output]
    pruned = [artifact.artifact_id for artifact in made if artifact.pruned_at is not None]
    files: dict[str, Path] = {}
    for artifact in made:
        if artifact.pruned_at is not None:
            continue
        message = application.storage.history.message_of(details.run.id, artifact.artifact_id)
        file = folder / f"{artifact.artifact_id}.json"
        make_private_folder(file.parent)
        write_atomically(file, [canonical_bytes(message.content), b"\n"])
        files[artifact.artifact_id] = file
    return ExportedArtifacts(details.run.id, files, pruned)
