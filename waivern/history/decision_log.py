"""The port for decisions about findings, and for the results of gates."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from waivern.caller import Caller
from waivern.history.decisions import ActiveDecisions, Decision, InactiveDecision
from waivern.history.gates import GateResult


@dataclass(frozen=True)
class DecisionFile:
    """The reviewed file beside a runbook, as a run read it.

    Args:
        name: The file's name.
        digest: The SHA-256 of its bytes.
        decisions: Its decisions, in the order of the file.
    """

    name: str
    digest: str
    decisions: Sequence[Decision]


class DecisionLog(ABC):
    """An append-only log of decisions: a newer decision about the same target replaces an older one.

    It also records how the gates of each run were evaluated.
    """

    @abstractmethod
    def decide(self, decision: Decision, *, caller: Caller) -> Decision:
        """Store a decision, apply it to the current findings and record an event; return it as it is stored.

        Args:
            decision: The decision, about the fingerprint of a finding that some run has found.
            caller: Who decides.

        Raises:
            DecisionError: no run has found this.
        """

    @abstractmethod
    def use_file(self, runbook: str, file: DecisionFile | None, *, run_id: str, caller: Caller) -> bool:
        """Replace the decisions of a runbook's file by those of `file`; None: there is no file.

        New decisions are stored, decisions that are no longer in the file are reopened.

        Args:
            runbook: The runbook's name.
            file: Its file.
            run_id: The run that uses the file.
            caller: Who starts that run.

        Returns:
            Whether the file differs from the one that the last run used; if so, that is recorded as an event.
        """

    @abstractmethod
    def decisions_about(self, fingerprint: str, *, rules: Collection[str] = ()) -> Sequence[Decision]:
        """Return all decisions about a fingerprint, and those about locations of some rules, oldest first."""

    @abstractmethod
    def active(self, runbook: str, *, today: date) -> ActiveDecisions:
        """Return the decisions that apply to the findings of a runbook on a day."""

    @abstractmethod
    def inactive(self, *, today: date, runbook: str | None = None) -> Sequence[InactiveDecision]:
        """Return the decisions, of one runbook or of all, that no longer apply on a day.

        These are a file's expired decisions, other expired decisions about findings that are not fixed, and a file's
        decisions that match no unfixed finding. The latter are reported only if the runbook has a complete run.
        """

    @abstractmethod
    def record_gates(self, run_id: str, results: Sequence[GateResult], *, caller: Caller) -> None:
        """Store the results of a run's gates, replacing earlier results, and record an event.

        If a gate failed, a notification is queued for the recipients that the run's schedule names.

        Args:
            run_id: The run.
            results: One for each gate.
            caller: Who evaluated them.
        """

    @abstractmethod
    def gates_of(self, run_id: str) -> Mapping[str, int]:
        """Return {gate: number of violations} of a run; 0 means that the gate passed."""
