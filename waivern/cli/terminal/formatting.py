"""Times, durations, states and reasons as text."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from waivern.cli.terminal.output import Styled
from waivern.escaping import one_line
from waivern.exports.encoding.formatting import count as count
from waivern.exports.encoding.formatting import duration as duration
from waivern.history.decisions import InactiveDecision, InactiveReason
from waivern.history.run_records import ArtifactRecord
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason
from waivern.runs.run import short_id as short_id

_STYLES = {
    "succeeded": "green",
    "failed": "red",
    "timed_out": "yellow",
    "cancelled": "yellow",
    "interrupted": "yellow",
    "running": "cyan",
    "skipped": "yellow",
}
_INACTIVE = {InactiveReason.EXPIRED: "has expired", InactiveReason.STALE: "matches no finding"}


def inactive_decision_lines(inactive: Iterable[InactiveDecision]) -> Iterator[str]:
    """Yield a line for each decision that no longer applies."""
    for entry in inactive:
        decision = entry.decision
        text = f"{decision.target_text}, {decision.verdict.value} by {decision.owner} ({decision.reason})"
        yield one_line(f"  {text}: {_INACTIVE[entry.reason]}")


def state(status: RunStatus | ArtifactStatus, *, optional: bool = False) -> Styled:
    """Return a state in its colour; `timed_out` is shown as "timed out"."""
    text = status.value.replace("_", " ")
    return Styled(f"{text} (optional)" if optional else text, _STYLES.get(status.value, ""))


def local_time(instant: datetime | None) -> str:
    """Return a time in the local time zone, to the second."""
    return "" if instant is None else instant.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def why_skipped(reason: SkipReason | None, because: str | None) -> str:
    """Return why an artifact was skipped."""
    if reason is SkipReason.DEPENDENCY_FAILED:
        return f"'{because}' failed"
    if reason is SkipReason.TIMEOUT:
        return "not finished before the deadline"
    if reason is SkipReason.CANCELLED:
        return "the run was cancelled"
    return ""


def result(artifact: ArtifactRecord) -> str:
    """Return the outcome of an artifact in a few words."""
    if artifact.status is ArtifactStatus.SKIPPED:
        return why_skipped(artifact.skip_reason, artifact.skipped_because)
    if artifact.status is ArtifactStatus.FAILED:
        return (artifact.error or "").partition("\n")[0]
    pruned = (
        "" if artifact.pruned_at is None else f"pruned on {artifact.pruned_at:%Y-%m-%d} ({artifact.pruned_because})"
    )
    return "; ".join(filter(None, (_content_summary(artifact), pruned)))


def _content_summary(artifact: ArtifactRecord) -> str:
    if artifact.overview is None:
        return ""
    if artifact.overview.findings:
        by_category = ", ".join(f"{category} {number:,}" for category, number in artifact.overview.findings.items())
        return f"{count(artifact.overview.items, 'finding')}: {by_category}"
    return count(artifact.overview.items, "finding" if _is_indicator(artifact) else "item")


def _is_indicator(artifact: ArtifactRecord) -> bool:
    return (artifact.schema or "").partition("/")[0].endswith("_indicator")


def bytes_in_words(number: int) -> str:
    """Return "512 bytes", "1.5 KB" or "20 MB", in powers of 1000."""
    amount, units = float(number), iter(("KB", "MB", "GB"))
    unit = "bytes"
    while amount >= 999.5 and unit != "GB":
        amount, unit = amount / 1000, next(units)
    return f"{number} bytes" if unit == "bytes" else f"{amount:.3g} {unit}"
