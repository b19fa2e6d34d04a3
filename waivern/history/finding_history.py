"""The port through which past findings are asked about."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from waivern.history.finding import Finding
from waivern.history.omissions import Omissions


@dataclass(frozen=True)
class HeldSet:
    """Which findings an artifact of a run holds: the `seq`-th set of its line, and by which rules they were made."""

    seq: int
    ruleset: str | None
    rules_version: str | None


class FindingHistory(ABC):
    """The findings of all runs, without their evidence, which the artifacts keep."""

    @abstractmethod
    def sets_of(self, run_id: str) -> Mapping[str, HeldSet]:
        """Return {artifact id: what it holds} for the run's artifacts that hold findings, in the order of its plan."""

    @abstractmethod
    def omissions_of(self, run_id: str, artifact_id: str) -> Omissions | None:
        """Return what was not looked at on the way to an artifact of findings; None where only its message knows."""

    @abstractmethod
    def findings_of(self, run_id: str) -> Sequence[tuple[str, Finding]]:
        """Return (artifact id, finding), sorted by artifact in the order of the plan, source, place and rule."""

    @abstractmethod
    def numbers_of(self, run_id: str) -> Mapping[str, int]:
        """Return {severity: how many findings of the run}, each once whatever the number of artifacts that hold it."""

    @abstractmethod
    def seen_before(self, runbook: str, fingerprints: Collection[str], *, before: datetime) -> set[str]:
        """Return which of these any run of the runbook had found in an artifact that it saved before an instant."""
