"""The port through which messages are let go of that nobody wants to keep any more."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class PruneRequest:
    """What is to be pruned: what the runbooks' `retain` says is due, or more.

    Args:
        runbook: Only runs of this runbook.
        older_than: All messages of runs that ended longer ago than this, whatever `retain` says of them, too.
    """

    runbook: str | None = None
    older_than: timedelta | None = None


@dataclass(frozen=True)
class PrunedMessage:
    """A message that is not kept any more; its digest, its size and its place in the history stay."""

    run_id: str
    runbook: str
    artifact_id: str
    digest: str
    because: str


@dataclass(frozen=True)
class Pruned:
    """What was pruned, or would be.

    Args:
        messages: The messages, the runs' oldest first.
        contents: How many contents were emptied: fewer than messages where some share one, or another run keeps it.
        freed_bytes: What these took in the database.
        unused_bytes: Of a SQLite file, what it holds free for new data afterwards; else None.
    """

    messages: Sequence[PrunedMessage]
    contents: int
    freed_bytes: int
    unused_bytes: int | None = None


class Pruner(ABC):
    """Lets messages go, and empties contents that no artifact of any run keeps."""

    @abstractmethod
    def prune(self, request: PruneRequest, *, actor: str) -> Pruned:
        """Let go of what is due, and empty what nobody keeps; killed half-way, the next one does the rest."""

    @abstractmethod
    def would_prune(self, request: PruneRequest) -> Pruned:
        """Return what `prune` would do; changes nothing."""

    @abstractmethod
    def shrink(self) -> bool:
        """Give back to the disk what a SQLite file holds free; False where the server sees to that by itself."""

    @abstractmethod
    def claim(self, chore: str, *, next_at: datetime) -> bool:
        """Say whether this process is to do a chore now: it is due, and no other has claimed it.

        Args:
            chore: Its name.
            next_at: When it is due again if it is done now; for one that was never claimed, when it is due first.
        """


def retention_as_text(retention: "str | float") -> str:
    """Return a retention as a runbook writes it: "until_success", "30d", "90s"."""
    if isinstance(retention, str):
        return retention
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60)):
        if retention and retention % seconds == 0:
            return f"{retention / seconds:.0f}{unit}"
    return f"{retention:g}s"
