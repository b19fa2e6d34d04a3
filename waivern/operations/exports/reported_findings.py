"""The findings of a run with their evidence, read one by one from what the run kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from waivern.exports.model.reported_finding import Evidence, Location, ReportedFinding
from waivern.history.comparison import Change, Comparison, Reason
from waivern.history.decisions import DecisionsInForce
from waivern.history.finding import Finding, finding_of
from waivern.history.run_history import RunHistory

FINDINGS = "findings"


@dataclass(frozen=True)
class FindingsArtifact:
    """An artifact that holds findings, and by which rules they were made."""

    artifact_id: str
    ruleset: str | None


class ReportedFindings:
    """Each finding of a run once, whatever the number of artifacts that hold it; read anew each time.

    Args:
        history: Where messages are.
        run_id: Of the run.
        held: The artifacts that hold findings and whose messages can be read, in the order of the plan.
        remembered: (artifact id, finding) of all, as history remembers them without evidence.
        comparison: To the run before.
        decisions: Those that are in force.
    """

    def __init__(
        self,
        history: RunHistory,
        run_id: str,
        held: Sequence[FindingsArtifact],
        remembered: Sequence[tuple[str, Finding]],
        *,
        comparison: Comparison | None,
        decisions: DecisionsInForce,
    ) -> None:
        self._history = history
        self._run_id = run_id
        self._held = held
        self._decisions = decisions
        self._readable = {each.artifact_id for each in held}
        self._pruned = [(name, finding) for name, finding in remembered if name not in self._readable]
        self._holders = _holders(remembered)
        self._special = {
            finding.fingerprint: finding.special_category
            for _, finding in remembered
            if finding.special_category is not None
        }
        self._changes = {} if comparison is None else _changes(comparison)

    def __iter__(self) -> Iterator[ReportedFinding]:
        told: set[str] = set()
        for held in self._held:
            for entry in self._history.items_of(self._run_id, held.artifact_id, FINDINGS):
                finding = finding_of(entry)
                if finding is not None and finding.fingerprint not in told:
                    told.add(finding.fingerprint)
                    yield self._reported(finding, held.artifact_id, held.ruleset, entry)
        for artifact_id, finding in self._pruned:
            if finding.fingerprint not in told:
                told.add(finding.fingerprint)
                yield self._reported(finding, artifact_id, None, None)

    def _reported(
        self, finding: Finding, artifact_id: str, ruleset: str | None, entry: Mapping[str, Any] | None
    ) -> ReportedFinding:
        """A finding as its message has it; without one (None) as history remembers it."""
        fingerprint = finding.fingerprint
        if fingerprint in self._special:
            finding = replace(finding, special_category=self._special[fingerprint])
        change, reason, because = self._changes.get(fingerprint, _NO_CHANGE)
        return ReportedFinding(
            finding,
            self._holders.get(fingerprint) or (artifact_id,),
            Location() if entry is None else _location(entry.get("location")),
            None if entry is None else _evidence(entry.get("evidence")),
            () if entry is None else tuple(map(str, entry.get("reasons") or ())),
            ruleset,
            change,
            reason,
            because,
            self._decisions.on(finding),
        )


_NO_CHANGE = (None, None, None)


def _evidence(said: Any) -> tuple[Evidence, ...]:
    return tuple(
        [
            Evidence(str(each.get("content", "")), _line(each.get("line")))
            for each in said or ()
            if isinstance(each, Mapping)
        ]
    )


def _location(said: Any) -> Location:
    if not isinstance(said, Mapping):
        return Location()
    lines = tuple(line for each in said.get("lines") or () if (line := _line(each)) is not None)
    return Location(_text(said.get("file_path")), _text(said.get("table")), _text(said.get("column")), lines)


def _text(value: Any) -> str | None:
    return str(value) if value else None


def _line(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _holders(remembered: Sequence[tuple[str, Finding]]) -> Mapping[str, tuple[str, ...]]:
    """Who holds a finding; the tuples are few, and shared."""
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    holders: dict[str, tuple[str, ...]] = {}
    for artifact_id, finding in remembered:
        names = holders.get(finding.fingerprint, ())
        if artifact_id not in names:
            names = (*names, artifact_id)
            holders[finding.fingerprint] = shared.setdefault(names, names)
    return holders


def _changes(comparison: Comparison) -> Mapping[str, tuple[Change, Reason | None, str | None]]:
    return {
        each.finding.fingerprint: (each.change, each.reason, each.because)
        for each in comparison.differences
        if each.change not in (Change.FIXED, Change.UNKNOWN)
    }
