"""The findings of a run with their evidence, read one by one from its stored messages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from waivern.exports.model.reported_finding import Evidence, Location, ReportedFinding
from waivern.history.comparison import Change, Comparison, Reason
from waivern.history.decisions import ActiveDecisions
from waivern.history.finding import Finding, finding_from_entry
from waivern.history.history import History

FINDINGS = "findings"


@dataclass(frozen=True)
class FindingsArtifact:
    """An artifact that contains findings, with the ruleset that detected them."""

    artifact_id: str
    ruleset: str | None


class ReportedFindings:
    """Each finding of a run once, even if several artifacts contain it. Each iteration reads them again.

    Args:
        history: The stored messages.
        run_id: The run.
        artifacts: The artifacts with findings whose messages can be read, in the order of the plan.
        stored: (artifact id, finding) of all findings as stored in the history, without evidence.
        comparison: With the previous run.
        decisions: The active decisions.
    """

    def __init__(
        self,
        history: History,
        run_id: str,
        artifacts: Sequence[FindingsArtifact],
        stored: Sequence[tuple[str, Finding]],
        *,
        comparison: Comparison | None,
        decisions: ActiveDecisions,
    ) -> None:
        self._history = history
        self._run_id = run_id
        self._artifacts = artifacts
        self._decisions = decisions
        self._readable = {artifact.artifact_id for artifact in artifacts}
        self._pruned = [(name, finding) for name, finding in stored if name not in self._readable]
        self._holders = _holders(stored)
        self._special = {
            finding.fingerprint: finding.special_category
            for _, finding in stored
            if finding.special_category is not None
        }
        self._changes = {} if comparison is None else _changes(comparison)

    def __iter__(self) -> Iterator[ReportedFinding]:
        seen: set[str] = set()
        for artifact in self._artifacts:
            for entry in self._history.items_of(self._run_id, artifact.artifact_id, FINDINGS):
                finding = finding_from_entry(entry)
                if finding is not None and finding.fingerprint not in seen:
                    seen.add(finding.fingerprint)
                    yield self._reported(finding, artifact.artifact_id, artifact.ruleset, entry)
        for artifact_id, finding in self._pruned:
            if finding.fingerprint not in seen:
                seen.add(finding.fingerprint)
                yield self._reported(finding, artifact_id, None, None)

    def _reported(
        self, finding: Finding, artifact_id: str, ruleset: str | None, entry: Mapping[str, Any] | None
    ) -> ReportedFinding:
        """Return a finding with the details of its message entry, or without them if the message was pruned."""
        fingerprint = finding.fingerprint
        if fingerprint in self._special:
            finding = replace(finding, special_category=self._special[fingerprint])
        change, reason, detail = self._changes.get(fingerprint, _NO_CHANGE)
        return ReportedFinding(
            finding,
            self._holders.get(fingerprint) or (artifact_id,),
            Location() if entry is None else _location(entry.get("location")),
            None if entry is None else _evidence(entry.get("evidence")),
            () if entry is None else tuple(map(str, entry.get("reasons") or ())),
            ruleset,
            change,
            reason,
            detail,
            self._decisions.decision_on(finding),
        )


_NO_CHANGE = (None, None, None)


def _evidence(value: Any) -> tuple[Evidence, ...]:
    samples = [sample for sample in value or () if isinstance(sample, Mapping)]
    return tuple(Evidence(str(sample.get("content", "")), _line(sample.get("line"))) for sample in samples)


def _location(value: Any) -> Location:
    if not isinstance(value, Mapping):
        return Location()
    lines = tuple(line for number in value.get("lines") or () if (line := _line(number)) is not None)
    return Location(_text(value.get("file_path")), _text(value.get("table")), _text(value.get("column")), lines)


def _text(value: Any) -> str | None:
    return str(value) if value else None


def _line(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _holders(stored: Sequence[tuple[str, Finding]]) -> Mapping[str, tuple[str, ...]]:
    """Return the artifacts of each finding. Equal tuples are shared, to save memory."""
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    holders: dict[str, tuple[str, ...]] = {}
    for artifact_id, finding in stored:
        names = holders.get(finding.fingerprint, ())
        if artifact_id not in names:
            names = (*names, artifact_id)
            holders[finding.fingerprint] = shared.setdefault(names, names)
    return holders


def _changes(comparison: Comparison) -> Mapping[str, tuple[Change, Reason | None, str | None]]:
    return {
        difference.finding.fingerprint: (difference.change, difference.reason, difference.because)
        for difference in comparison.differences
        if difference.change not in (Change.FIXED, Change.UNKNOWN)
    }
