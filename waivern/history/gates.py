"""Whether a run trips its gates, and by what."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waivern.history.comparison import Change, Comparison
from waivern.history.decisions import DecisionsInForce
from waivern.history.finding import Finding
from waivern.history.omissions import Omissions
from waivern.history.run_history import ArtifactRecord
from waivern.messages.overview import Overview
from waivern.runbooks.model.gate import Gate, GateScope
from waivern.runs.run import ArtifactStatus
from waivern.severity import SEVERITIES

_CAME = (Change.NEW, Change.REOPENED)


@dataclass(frozen=True)
class GateResult:
    """What a gate found.

    Args:
        gate: The gate.
        findings: Those by which it tripped, the most severe first.
        omissions: What was not scanned, or read in part, by which it tripped; in words.
        number: By how much it tripped: `omissions` names the first only.
    """

    gate: Gate
    findings: Sequence[Finding] = ()
    omissions: Sequence[str] = ()
    number: int = 0

    @property
    def has_tripped(self) -> bool:
        return self.number > 0


@dataclass(frozen=True)
class GatedRun:
    """What gates are asked about.

    Args:
        findings: All that the run holds, each fingerprint once.
        comparison: To the complete run before; None where there was none, and everything is new.
        artifacts: The run's.
        decisions: What is in force: what is suppressed or accepted trips nothing.
        omissions: By artifact that holds findings all that was not looked at on the way to it.
    """

    findings: Collection[Finding]
    comparison: Comparison | None
    artifacts: Sequence[ArtifactRecord]
    decisions: DecisionsInForce
    omissions: Mapping[str, Omissions]


class GateLog(ABC):
    """How the gates of each run came out."""

    @abstractmethod
    def note(self, run_id: str, results: Sequence[GateResult], *, by: str) -> None:
        """Write down how a run's gates came out, in place of what was written before; that is an event.

        Where one tripped, whom the run's schedule names is to be told. `by` is who tried them.
        """

    @abstractmethod
    def of_run(self, run_id: str) -> Mapping[str, int]:
        """Return by how much each gate of a run tripped; 0: it did not."""


def try_gates(gates: Iterable[Gate], run: GatedRun) -> list[GateResult]:
    """Return how each gate comes out."""
    return [_OUTCOMES[gate.scope](gate, run) for gate in gates]


def _by_findings(gate: Gate, run: GatedRun) -> GateResult:
    meant = [each for each in _in_scope(gate.scope, run) if _is_meant(gate, each) and run.decisions.on(each) is None]
    meant.sort(key=lambda finding: (-_rank(finding.severity), finding.source, finding.location, finding.rule))
    return GateResult(gate, findings=meant, number=len(meant))


def _in_scope(scope: GateScope, run: GatedRun) -> Iterable[Finding]:
    if scope is GateScope.ANY:
        return run.findings
    if run.comparison is None:
        return run.findings if scope is GateScope.NEW else ()
    changes = _CAME if scope is GateScope.NEW else (Change.CHANGED,)
    return [each.finding for each in run.comparison.differences if each.change in changes]


def _is_meant(gate: Gate, finding: Finding) -> bool:
    if gate.severity is not None:
        return _rank(finding.severity) >= _rank(gate.severity)
    if gate.category is not None:
        return finding.category == gate.category
    return not gate.special_category or finding.special_category is True


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def _by_what_was_left_out(gate: Gate, run: GatedRun) -> GateResult:
    not_made = [each for each in run.artifacts if each.status is not ArtifactStatus.SUCCEEDED]
    noted = {name: each.left_out for name, each in run.omissions.items()}
    left_out, number = _told_once(run.artifacts, noted, lambda said: (said.not_scanned, said.not_scanned_examples))
    told = [f"{each.artifact_id} was not made: it is {each.status.value}" for each in not_made]
    return GateResult(gate, omissions=[*told, *left_out], number=len(not_made) + number)


def _by_what_was_read_in_part(gate: Gate, run: GatedRun) -> GateResult:
    noted = {name: each.in_part for name, each in run.omissions.items()}
    told, number = _told_once(run.artifacts, noted, lambda said: (said.sampled, said.sampled_examples))
    return GateResult(gate, omissions=told, number=number)


def _told_once(
    artifacts: Iterable[ArtifactRecord],
    noted: Mapping[str, Mapping[str, str]],
    numbers_of: Callable[[Overview], tuple[int, Sequence[Mapping[str, Any]]]],
) -> tuple[list[str], int]:
    """What was left out against the will of the runbook, and its number.

    An analyser passes on what its inputs left out, which does not count again. Of what holds no findings, the first
    few omissions alone are known by name.
    """
    whole = {what: why for omissions in noted.values() for what, why in omissions.items()}
    told = {f"{what}: {why}": None for what, why in whole.items() if not _was_asked_for(why)}
    number = len(told)
    for artifact in artifacts:
        total, examples = (0, ()) if artifact.overview is None else numbers_of(artifact.overview)
        others = [each for each in examples if each.get("name") not in whole]
        if artifact.artifact_id in noted or not others:
            continue
        meant = {_in_words(each): None for each in others if not _was_asked_for(str(each.get("reason")))}
        if not meant.keys() <= told.keys():
            told |= meant
            number += total - (len(examples) - len(meant))
    return list(told), number


def _was_asked_for(why: str) -> bool:
    return "excluded by the pattern" in why


def _in_words(example: Mapping[str, Any]) -> str:
    why = example.get("reason") or f"read in part, {example.get('read'):,} of {example.get('total'):,}"
    return f"{example.get('name')}: {why}"


_OUTCOMES: Mapping[GateScope, Callable[[Gate, GatedRun], GateResult]] = {
    GateScope.NEW: _by_findings,
    GateScope.CHANGED: _by_findings,
    GateScope.ANY: _by_findings,
    GateScope.INCOMPLETE: _by_what_was_left_out,
    GateScope.SAMPLED: _by_what_was_read_in_part,
}
