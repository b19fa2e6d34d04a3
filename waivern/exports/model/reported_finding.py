"""One finding as a report tells it: with its masked evidence, and what became of it since the run before."""

from dataclasses import dataclass

from waivern.history.comparison import Change, Reason
from waivern.history.decisions import Decision
from waivern.history.finding import Finding
from waivern.severity import SEVERITIES


@dataclass(frozen=True, slots=True)
class Location:
    """Where in its source a finding is: a file with the first lines, a table's column, or a table in a file."""

    file_path: str | None = None
    table: str | None = None
    column: str | None = None
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A masked sample; `line` of its file, where it has lines."""

    content: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """A finding of a run.

    Args:
        finding: What history remembers of it.
        artifact_ids: The artifacts that hold it, in the order of the plan.
        location: Where it is, as far as its message says.
        evidence: None where the message was pruned.
        reasons: What made it more or less sure.
        ruleset: "provider/name/1.0.0" by which it was found.
        change: What became of it since the run before: new, reopened, changed or unchanged; None where there was none.
        reason: Why.
        decision: By which it is suppressed or accepted today, if any.
        because: What the scope of the run before lacked, in words.
    """

    finding: Finding
    artifact_ids: tuple[str, ...]
    location: Location
    evidence: tuple[Evidence, ...] | None
    reasons: tuple[str, ...]
    ruleset: str | None
    change: Change | None = None
    reason: Reason | None = None
    because: str | None = None
    decision: Decision | None = None


def severity_rank(severity: str) -> int:
    """Return 0 for low to 3 for critical; what is unknown counts as medium."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 1
