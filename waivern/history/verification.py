"""The result of verifying the stored records."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

_LISTED = 20

Progress = Callable[[str, int], None]
"""Called with what is being verified, and how many of these are done."""


class RecordKind(StrEnum):
    """What kind of record a mismatch is in.

    `artifact` is an artifact's row, `content` its message, `row` any row with a value of a wrong type.
    """

    EVENT = "event"
    RUN = "run"
    ARTIFACT = "artifact"
    ATTEMPT = "attempt"
    RUNBOOK = "runbook"
    DECLARATION = "declaration"
    OVERVIEW = "overview"
    FINDINGS = "findings"
    CONTENT = "content"
    DECISION = "decision"
    SCHEDULE = "schedule"
    GATE = "gate"
    ROW = "row"


@dataclass(frozen=True)
class Mismatch:
    """A record that is not as it was written.

    Args:
        record: Names the record.
        problem: What does not match.
        kind: The kind of record.
        run: The run that the record belongs to, or the first of several; None if there is none or it is unknown.
        artifact_id: The artifact of that run, or of a run of the same runbook.
    """

    record: str
    problem: str
    kind: RecordKind
    run: str | None = None
    artifact_id: str | None = None


@dataclass(frozen=True)
class ChainEnd:
    """The newest event of a chain; `installation` is the random id in the chain's first event."""

    installation: str
    seq: int
    hash: str
    at: datetime


@dataclass
class Verification:
    """What was verified, and what does not match.

    Args:
        counts: How many records were verified, by kind: events, imported_events, runs, artifacts, runbooks, findings,
            contents, bytes.
        open_runs: Runs that are queued or running: no root exists yet.
        unproven_runs: Runs that were restored although no event of their archive proved them.
        pruned: Contents that were deleted; their digests are proven all the same.
        undecryptable: Contents that are encrypted with an unknown key: only their checksums are proven.
        mismatches: The first 20 mismatches in the order of discovery.
        mismatch_count: The number of all mismatches.
        end: The newest event; None if there are no events.
    """

    counts: "Counter[str]" = field(default_factory=Counter)
    open_runs: int = 0
    unproven_runs: int = 0
    pruned: int = 0
    undecryptable: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)
    mismatch_count: int = 0
    end: ChainEnd | None = None

    @property
    def is_intact(self) -> bool:
        """Whether everything matches."""
        return self.mismatch_count == 0

    @property
    def lists_more(self) -> bool:
        """Whether the next mismatch will be listed, and not only counted."""
        return len(self.mismatches) < _LISTED

    def report(
        self, kind: RecordKind, record: str, problem: str, *, run: str | None = None, artifact_id: str | None = None
    ) -> None:
        """Count a mismatch, and list it unless there are 20 already."""
        self.mismatch_count += 1
        if self.lists_more:
            self.mismatches.append(Mismatch(record, problem, kind, run, artifact_id))
