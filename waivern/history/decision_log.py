"""The port through which decisions are kept and asked about."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from waivern.history.decisions import Decision, DecisionsInForce, Lapsed


@dataclass(frozen=True)
class DecisionFile:
    """The reviewed file beside a runbook, as a run read it.

    Args:
        name: Of the file.
        digest: SHA-256 of its bytes.
        decisions: What it holds, in its order.
    """

    name: str
    digest: str
    decisions: Sequence[Decision]


class DecisionLog(ABC):
    """Every decision that was ever made; none is changed or removed, a later one about the same counts instead."""

    @abstractmethod
    def decide(self, decision: Decision, *, by: str) -> Decision:
        """Keep a decision, and tell it as an event; return it as it is kept, with `decided_at` and `decided_by`.

        Args:
            decision: By its fingerprint, which is that of a finding that was seen.
            by: Who decides.

        Raises:
            DecisionError: no run has ever found this, or there is nothing to reopen.
        """

    @abstractmethod
    def use_file(self, runbook: str, file: DecisionFile | None, *, run_id: str, by: str) -> bool:
        """Let the decisions of a runbook's file be those of `file`; None: there is none any more.

        What is new in it is decided now, what it no longer holds is reopened. `by` is who begins the run.

        Returns:
            Whether it is another file than the last run used; then that is an event.
        """

    @abstractmethod
    def about(self, fingerprint: str, *, rules: Collection[str] = ()) -> Sequence[Decision]:
        """Return every decision about one fingerprint, or about what some rules find at a place, the oldest first."""

    @abstractmethod
    def in_force(self, runbook: str, *, today: date) -> DecisionsInForce:
        """Return what counts for the findings of a runbook on a day."""

    @abstractmethod
    def lapsed(self, *, today: date, runbook: str | None = None) -> Sequence[Lapsed]:
        """Return the decisions that count no more, of one runbook or of all, as the findings have been settled.

        These are the expired ones of a file, the expired ones about findings that are not fixed, and those of a file
        that no finding matches which is not fixed; the last only where a run of that runbook is complete.
        """
