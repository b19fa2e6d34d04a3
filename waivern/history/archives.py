"""What archiving and restoring runs returns."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ArchivedRuns:
    """What an archive holds: ids of runs, numbers of contents and events, and the SHA-256 of the file."""

    runs: Sequence[str]
    contents: int
    events: int
    sha256: str


@dataclass(frozen=True)
class RestoredRuns:
    """What was restored from an archive.

    Args:
        runs: The ids of the runs that were restored.
        already_present: The ids of the runs that were skipped because an identical run is here.
        contents: How many contents were restored.
        events: How many events of other chains were imported.
        conflicting_decisions: How many decisions were skipped because another decision about the same target is here.
    """

    runs: Sequence[str]
    already_present: Sequence[str]
    contents: int
    events: int
    conflicting_decisions: int
