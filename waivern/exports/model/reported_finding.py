"""One finding of a report, with masked evidence and its change since the previous run."""

from dataclasses import dataclass

from waivern.history.comparison import Change, Reason
from waivern.history.decisions import Decision
from waivern.history.finding import Finding


@dataclass(frozen=True, slots=True)
class Location:
    """The parts of a finding's location: a file with its first lines, a table's column, or a table in a file."""

    file_path: str | None = None
    table: str | None = None
    column: str | None = None
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A masked sample, with the line of its file if it has lines."""

    content: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """A finding of a run.

    Args:
        finding: The finding as stored in the history.
        artifact_ids: The artifacts that contain it, in the order of the plan.
        location: Its location in parts, as far as the message has them.
        evidence: Masked samples, or None if the message was pruned.
        reasons: What raised or lowered the confidence.
        ruleset: The ruleset that detected it: "provider/name/1.0.0".
        change: Its change since the previous run (new, reopened, changed or unchanged), or None if there is none.
        reason: Why it changed.
        detail: More about `reason` in words, such as what the previous run did not scan.
        decision: The active decision that suppresses or accepts it, if any.
    """

    finding: Finding
    artifact_ids: tuple[str, ...]
    location: Location
    evidence: tuple[Evidence, ...] | None
    reasons: tuple[str, ...]
    ruleset: str | None
    change: Change | None = None
    reason: Reason | None = None
    detail: str | None = None
    decision: Decision | None = None
