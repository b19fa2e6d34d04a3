"""A comparison of two runs as text."""

from collections.abc import Iterator

from waivern.cli.shell.escaping import one_line
from waivern.cli.terminal.formatting import count, local_time, short_id
from waivern.history.comparison import Change, Comparison, Difference, Reason
from waivern.history.finding import Finding
from waivern.history.run_history import RunRecord

_MOST_SHOWN = 20
_MOST_AFTER_A_RUN = 5
_TOLD = (Change.NEW, Change.REOPENED, Change.FIXED, Change.CHANGED, Change.UNKNOWN)


def as_text(comparison: Comparison, *, show_all: bool = False) -> str:
    """Return a comparison as a person reads it."""
    heading = f"{one_line(comparison.head.runbook)}: {_run(comparison.base)} to {_run(comparison.head)}"
    most = len(comparison.differences) if show_all else _MOST_SHOWN
    return "\n\n".join([heading, in_numbers(comparison), *_sections(comparison, most=most, again="--all shows them")])


def since_last(comparison: Comparison) -> str:
    """Return in short what changed since the run before."""
    runs = f"{short_id(comparison.base.id)} {short_id(comparison.head.id)}"
    heading = f"Since run {_run(comparison.base)}: {in_numbers(comparison)}"
    return "\n\n".join([heading, *_sections(comparison, most=_MOST_AFTER_A_RUN, again=f"waivern diff {runs}")])


def in_numbers(comparison: Comparison) -> str:
    """Return how many findings of each kind there are: "2 new, 1 fixed, 30 unchanged"."""
    numbers = [(change, len(comparison.of(change))) for change in Change]
    told = [f"{number:,} {change.value}" for change, number in numbers if number]
    return ", ".join(told) or "no findings in either run"


def _sections(comparison: Comparison, *, most: int, again: str) -> Iterator[str]:
    for change in _TOLD:
        told = comparison.of(change)
        if told:
            yield "\n".join(_section(change, told, most=most, again=again))


def _section(change: Change, differences: list[Difference], *, most: int, again: str) -> Iterator[str]:
    yield f"{change.value.capitalize()}:"
    for difference in differences[:most]:
        yield f"  {_line(difference)}"
    if len(differences) > most:
        yield f"  and {len(differences) - most:,} more: {again}"


def _line(difference: Difference) -> str:
    return one_line(f"{finding_in_words(difference.finding)}: {_why(difference)}")


def finding_in_words(finding: Finding) -> str:
    """Return what a finding is and where it is, in a line."""
    where = f"{finding.location} in {finding.source}" if finding.location else finding.source
    return f"{finding.fingerprint[:12]}  {finding.severity:<8}  {finding.rule}  {where}"


def _why(difference: Difference) -> str:
    if difference.reason is Reason.SCOPE:
        asked = "was not looked at" if difference.change is Change.UNKNOWN else "was not looked at before"
        return f"{asked} ({difference.because})"
    why = "the rules changed" if difference.reason is Reason.RULES else "the data changed"
    before = difference.before
    if difference.change is Change.CHANGED and before is not None:
        return f"{why}, from {_state(before.match_count, before.confidence)} to {_now(difference)}"
    return why


def _now(difference: Difference) -> str:
    return _state(difference.finding.match_count, difference.finding.confidence)


def _state(matches: int, confidence: float) -> str:
    return f"{count(matches, 'time')} at {confidence:.0%}"


def _run(run: RunRecord) -> str:
    return f"{short_id(run.id)} ({local_time(run.started_at or run.created_at)}, {run.status.value.replace('_', ' ')})"
