"""Move runs from one database to another, in a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from waivern.errors import UsageError
from waivern.history.archives import Archived, Restored
from waivern.operations.application import Application


def archive_runs(application: Application, runs: Sequence[str], path: Path) -> Archived:
    """Write runs into a file: by their ids, unambiguous prefixes of them, or "latest".

    Raises:
        RunError: there is no such run, or one has not ended.
        UsageError: there is a file of that name, or it cannot be written.
    """
    if path.exists():
        raise UsageError(f"There is a file {path} already", remedy="Name another one, or move it away")
    storage = application.storage
    return storage.archives.archive([storage.history.find(run).id for run in runs], path, actor=application.actor)


def restore_runs(application: Application, path: Path) -> Restored:
    """Take in all runs of a file, or none.

    Raises:
        ArchiveError: it is no archive, damaged, of another version, or holds a run that is here and another one.
        EncryptionError: its contents are encrypted under a key that is not known.
    """
    return application.storage.archives.restore(path, actor=application.actor)


def archived_as_json(archived: Archived, path: Path) -> Mapping[str, Any]:
    """Return what was archived as a JSON object."""
    return {
        "file": str(path),
        "runs": list(archived.runs),
        "contents": archived.contents,
        "events": archived.events,
        "sha256": archived.sha256,
    }


def restored_as_json(restored: Restored) -> Mapping[str, Any]:
    """Return what was restored as a JSON object."""
    return {
        "runs": list(restored.runs),
        "there_already": list(restored.there_already),
        "contents": restored.contents,
        "events": restored.events,
        "decisions_left_out": restored.decisions_left_out,
    }
