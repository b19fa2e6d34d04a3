"""Write a run's artifacts to files."""

from dataclasses import dataclass, field
from pathlib import Path

from waivern.messages.canonical import canonical_bytes
from waivern.operations.application import Application
from waivern.operations.exports.atomic_files import make_private_folder, write_atomically
from waivern.operations.history.show_history import show_run
from waivern.runs.run import ArtifactStatus


@dataclass(frozen=True)
class ExportedArtifacts:
    """The files by artifact id, and the artifacts whose content was pruned."""

    run_id: str
    folder: Path
    files: dict[str, Path]
    pruned: list[str] = field(default_factory=list)


def export_artifacts(
    application: Application, run: str, folder: Path, *, only_outputs: bool = False
) -> ExportedArtifacts:
    """Write the content of each succeeded artifact as `<artifact id>.json` into `folder`, which is created if needed.

    Artifacts of child runbooks go into a subfolder with the parent's name. Only the owner can read the files, because
    source artifacts contain the scanned data. Existing files are replaced. Pruned artifacts are skipped and named.

    Args:
        application: The application.
        run: The run's id, a prefix of it, or "latest".
        folder: The folder to write to.
        only_outputs: Write only artifacts marked as `output`; all of them if the runbook marks none.

    Raises:
        RunError: there is no such run.
        UsageError: a file cannot be written.
        CorruptArtifactError: the stored content does not match its digest.
    """
    details = show_run(application, run)
    succeeded = [artifact for artifact in details.artifacts if artifact.status is ArtifactStatus.SUCCEEDED]
    if only_outputs and any(artifact.output for artifact in details.artifacts):
        succeeded = [artifact for artifact in succeeded if artifact.output]
    pruned = [artifact.artifact_id for artifact in succeeded if artifact.pruned_at is not None]
    files: dict[str, Path] = {}
    for artifact in succeeded:
        if artifact.pruned_at is not None:
            continue
        message = application.storage.history.message_of(details.run.id, artifact.artifact_id)
        file = folder / f"{artifact.artifact_id}.json"
        make_private_folder(file.parent)
        write_atomically(file, [canonical_bytes(message.content), b"\n"])
        files[artifact.artifact_id] = file
    return ExportedArtifacts(details.run.id, folder, files, pruned)
