"""What archiving and restoring runs takes and returns."""

from collections.abc import Sequence
from dataclasses import dataclass

from waivern.history.decisions import Decision


@dataclass(frozen=True)
class ArchivedRuns:
    """What an archive holds: ids of runs, numbers of contents and events, and the SHA-256 of the file.

    `is_recorded` says whether an event names the archive; a database that must not be written has no such event.
    """

    runs: Sequence[str]
    contents: int
    events: int
    sha256: str
    is_recorded: bool = True


@dataclass(frozen=True)
class RestoreOptions:
    """What to restore beside proven runs.

    Args:
        with_decisions: Restore the decisions of the archive too; otherwise they are only listed.
        allow_unproven: Restore runs and decisions that no event of the archive proves, and mark them as unproven.
    """

    with_decisions: bool = False
    allow_unproven: bool = False


@dataclass(frozen=True)
class RestoredRuns:
    """What was restored from an archive.

    Args:
        runs: The ids of the runs that were restored.
        already_present: The ids of the runs that were skipped because an identical run is here.
        unproven: The ids of those restored runs that no event of the archive proves.
        contents: How many contents were restored.
        erased_contents: How many contents were not restored because they were erased here.
        events: How many events of other chains were imported.
        decisions: The decisions of the archive that are not here.
        decisions_restored: Whether these decisions were restored.
        conflicting_decisions: How many decisions were skipped because another decision about the same target is here.
    """

    runs: Sequence[str]
    already_present: Sequence[str]
    unproven: Sequence[str]
    contents: int
    erased_contents: int
    events: int
    decisions: Sequence[Decision]
    decisions_restored: bool
    conflicting_decisions: int
