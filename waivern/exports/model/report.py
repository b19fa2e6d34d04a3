"""What is known of one run, as exporters are handed it: plain data, in which no value is shown unmasked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from waivern.exports.model.dpv import term_of
from waivern.exports.model.reported_finding import ReportedFinding
from waivern.history.comparison import Change, Comparison, Difference
from waivern.history.run_history import ArtifactRecord, RunRecord
from waivern.runs.run import ArtifactStatus, RunStatus

PROJECT = "https://github.com/waivern/waivern"


@dataclass(frozen=True)
class ReportedRule:
    """A rule of a ruleset that the run was analysed by, as it reads today.

    Args:
        name: Unique within its ruleset.
        ruleset: "provider/name/1.0.0".
        rules_version: Of the rules as they were in the run.
        category: What kind of data it finds.
        severity: Of the category: low, medium, high or critical.
        description: May be empty.
        source: The law or standard that it comes from; empty where the ruleset is no longer installed.
        facts: What else is known, such as a service's `company` and `country`.
    """

    name: str
    ruleset: str
    rules_version: str | None
    category: str
    severity: str
    description: str = ""
    source: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return "ruleset/rule", which tells it from the rules of other rulesets."""
        return rule_id(self.ruleset, self.name)

    @property
    def dpv(self) -> str | None:
        """The IRI of its category in the Data Privacy Vocabulary; None where that has no term for just it."""
        steps = self.ruleset.split("/")
        return term_of(steps[1], self.category) if len(steps) == 3 else None


@dataclass(frozen=True)
class LeftOut:
    """Something that was not looked at: by which artifact, what, and why."""

    artifact_id: str
    what: str
    why: str


@dataclass(frozen=True)
class PartiallyScanned:
    """Something of which a sample was read; `bound` says what that may have missed, where it was said."""

    artifact_id: str
    what: str
    read: int
    of: int
    bound: str | None = None


@dataclass(frozen=True)
class PastRun:
    """A run of the same runbook in numbers: how many findings of which severity."""

    run: RunRecord
    findings: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.findings.values())


@dataclass(frozen=True)
class Report:
    """One run that has ended.

    Args:
        run: The run.
        description, contact, framework: What its runbook says of itself.
        artifacts: In the order of the plan, with their states, times and inputs.
        rules: All rules of the rulesets that it was analysed by.
        findings: Each once. They can be gone through again and again, and are read anew each time, so that many
            thousands need not be held.
        left_out: What was not looked at.
        in_part: What was looked at in part.
        comparison: To the complete run before; None where there was none.
        past_runs: The last runs of the runbook, this one included, the oldest first; read when gone through.
        without_evidence: Artifacts whose message was pruned: of their findings only what history remembers is told.
    """

    run: RunRecord
    artifacts: Sequence[ArtifactRecord]
    findings: Iterable[ReportedFinding]
    description: str = ""
    contact: str | None = None
    framework: str | None = None
    rules: Sequence[ReportedRule] = ()
    left_out: Sequence[LeftOut] = ()
    in_part: Sequence[PartiallyScanned] = ()
    comparison: Comparison | None = None
    past_runs: Iterable[PastRun] = ()
    without_evidence: Sequence[str] = ()

    @property
    def is_complete(self) -> bool:
        return self.run.status is RunStatus.SUCCEEDED

    @property
    def not_made(self) -> list[ArtifactRecord]:
        """Return the artifacts that failed or were skipped."""
        return [each for each in self.artifacts if each.status is not ArtifactStatus.SUCCEEDED]

    @property
    def incomplete_reason(self) -> str | None:
        """Return in a sentence that the run did not end well, or None where it did."""
        if self.is_complete:
            return None
        error = f": {self.run.error}" if self.run.error else ""
        missing = f"; {len(self.not_made)} of {len(self.artifacts)} artifacts were not made" if self.artifacts else ""
        return f"The run is incomplete, it {_ended(self.run.status)}{error}{missing}"

    def gone(self, change: Change) -> list[Difference]:
        """Return what only the run before had found: `Change.FIXED`, or `UNKNOWN` where this one did not look."""
        return [] if self.comparison is None else self.comparison.of(change)


def rule_id(ruleset: str | None, rule: str) -> str:
    """Return "ruleset/rule" for "provider/ruleset/1.0.0" and a rule's name."""
    steps = (ruleset or "").split("/")
    return f"{steps[1]}/{rule}" if len(steps) == 3 else rule


def _ended(status: RunStatus) -> str:
    return {
        RunStatus.FAILED: "failed",
        RunStatus.TIMED_OUT: "timed out",
        RunStatus.CANCELLED: "was cancelled",
        RunStatus.INTERRUPTED: "was interrupted",
    }.get(status, f"is {status.value}")
