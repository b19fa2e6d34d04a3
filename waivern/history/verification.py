"""The port through which it is proven that what is remembered is what was written."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

_NAMED = 20

Progress = Callable[[str, int], None]
"""Told what is being verified, and how many of these are done."""


@dataclass(frozen=True)
class Damage:
    """Something that is not as it was written: `what` names it, `why` says what does not fit."""

    what: str
    why: str


@dataclass(frozen=True)
class ChainEnd:
    """The newest event of a chain; `installation` is the id that its first event drew."""

    installation: str
    seq: int
    hash: str
    at: datetime


@dataclass
class Verification:
    """What was looked at, and what does not fit.

    Args:
        counts: How many of what were verified: events, runs, artifacts, runbooks, findings, contents, bytes.
        open_runs: Runs that have not ended, of which nothing can be proven yet.
        unproven_runs: Runs that had ended before there were events: nothing but their contents can be proven.
        pruned: Contents that were let go of; their digests are proven all the same.
        sealed: Contents that are encrypted under a key which is not known here: only their checksums are proven.
        damages: The first 20 things that do not fit, in the order in which they were found.
        damage: How many there are in all.
        end: The newest event; None where there are no events.
    """

    counts: "Counter[str]" = field(default_factory=Counter)
    open_runs: int = 0
    unproven_runs: int = 0
    pruned: int = 0
    sealed: int = 0
    damages: list[Damage] = field(default_factory=list)
    damage: int = 0
    end: ChainEnd | None = None

    def report(self, what: str, why: str) -> None:
        """Note something that does not fit."""
        self.damage += 1
        if len(self.damages) < _NAMED:
            self.damages.append(Damage(what, why))


class Verifier(ABC):
    """Computes every digest, root and link anew, and compares."""

    @abstractmethod
    def verify(self, *, run_id: str | None = None, progress: Progress) -> Verification:
        """Verify everything, or the chain of events and what belongs to one run; as of one instant.

        Args:
            run_id: The run; None for everything.
            progress: Told now and then how far it is.
        """

    @abstractmethod
    def hash_at(self, seq: int) -> str | None:
        """Return the hash of an event, None where there is none of that number."""
