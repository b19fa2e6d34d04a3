"""The port through which it is proven that what is remembered is what was written."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

_NAMED = 20

Progress = Callable[[str, int], None]
"""Told what is being verified, and how many of these are done."""


class Part(StrEnum):
    """What kind of thing does not fit: `artifact` is what a run says of one, `content` what its message holds."""

    EVENT = "event"
    RUN = "run"
    ARTIFACT = "artifact"
    ATTEMPT = "attempt"
    RUNBOOK = "runbook"
    DECLARATION = "declaration"
    OVERVIEW = "overview"
    FINDINGS = "findings"
    CONTENT = "content"


@dataclass(frozen=True)
class Damage:
    """Something that is not as it was written.

    Args:
        what: Names it.
        why: What does not fit.
        part: Of which kind it is.
        run: The run that it belongs to, or the first of those; None where it belongs to none, or that is not known.
        artifact_id: The artifact of that run, or of those of its runbook.
    """

    what: str
    why: str
    part: Part
    run: str | None = None
    artifact_id: str | None = None


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
        counts: How many of what were verified: events, imported_events, runs, artifacts, runbooks, findings, contents,
            bytes.
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

    @property
    def names_more(self) -> bool:
        """Whether the next thing that does not fit will be among the `damages`."""
        return len(self.damages) < _NAMED

    def report(
        self, part: Part, what: str, why: str, *, run: str | None = None, artifact_id: str | None = None
    ) -> None:
        """Note something that does not fit."""
        self.damage += 1
        if self.names_more:
            self.damages.append(Damage(what, why, part, run, artifact_id))


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
