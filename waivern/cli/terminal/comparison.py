"""The comparison of two runs as text."""

from collections.abc import Iterator

from waivern.cli.terminal.formatting import count, local_time, short_id
from waivern.escaping import one_line
from waivern.history.comparison import Change, Comparison, Difference, Reason
from waivern.history.finding import Finding
from waivern.history.run_records import RunRecord

_MOST_SHOWN = 20
_MOST_AFTER_A_RUN = 5
_LISTED = (Change.NEW, Change.REOPENED, Change.FIXED, Change.CHANGED, Change.UNKNOWN)


def as_text(comparison: Comparison, *, show_all: bool = False) -> str:
    """Return a comparison as text."""
    heading = f"{one_line(comparison.head.runbook)}: {_run(comparison.base)} to {_run(comparison.head)}"
    most = len(comparison.differences) if show_all else _MOST_SHOWN
    return "\n\n".join(
        [heading, change_counts(comparison), *_sections(comparison, most=most, show_more="--all shows them")]
    )


def since_last(comparison: Comparison) -> str:
    """Return a short summary of the changes since the previous run."""
    runs = f"{short_id(comparison.base.id)} {short_id(comparison.head.id)}"
    heading = f"Since run {_run(comparison.base)}: {change_counts(comparison)}"
    return "\n\n".join([heading, *_sections(comparison, most=_MOST_AFTER_A_RUN, show_more=f"waivern diff {runs}")])


def change_counts(comparison: Comparison) -> str:
    """Return the number of findings per kind of change: "2 new, 1 fixed, 30 unchanged"."""
    numbers = [(change, len(comparison.of(change))) for change in Change]
    counts = [f"{number:,} {change.value}" for change, number in numbers if number]
    return ", ".join(counts) or "no findings in either run"


def _sections(comparison: Comparison, *, most: int, show_more: str) -> Iterator[str]:
    for change in _LISTED:
        differences = comparison.of(change)
        if differences:
            yield "\n".join(_section(change, differences, most=most, show_more=show_more))


def _section(change: Change, differences: list[Difference], *, most: int, show_more: str) -> Iterator[str]:
    yield f"{change.value.capitalize()}:"
    for difference in differences[:most]:
        yield f"  {_line(difference)}"
    if len(differences) > most:
        yield f"  and {len(differences) - most:,} more: {show_more}"


def _line(difference: Difference) -> str:
    return one_line(f"{finding_line(difference.finding)}: {_why(difference)}")


def finding_line(finding: Finding) -> str:
    """Return a finding and its location on one line."""
    where = f"{finding.location} in {finding.source}" if finding.location else finding.source
    return f"{finding.fingerprint[:12]}  {finding.severity:<8}  {finding.rule}  {where}"


def _why(difference: Difference) -> str:
    if difference.reason is Reason.SCOPE:
        gap = "not scanned" if difference.change is Change.UNKNOWN else "not scanned before"
        return f"{gap} ({difference.because})"
    why = "the rules changed" if difference.reason is Reason.RULES else "the data changed"
    before = difference.before
    if difference.change is Change.CHANGED and before is not None:
        return f"{why}, from {_state(before.match_count, before.confidence)} to {_now(difference)}"
    return why


def _now(difference: Difference) -> str:
    return _state(difference.finding.match_count, difference.finding.confidence)


def _state(matches: int, confidence: float) -> str:
    return f"{count(matches, 'match', 'matches')} at {confidence:.0%}"


def _run(run: RunRecord) -> str:
    return f"{short_id(run.id)} ({local_time(run.started_at or run.created_at)}, {run.status.value.replace('_', ' ')})"
