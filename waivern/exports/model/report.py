"""The report of one run that exporters receive: plain data without any unmasked value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from waivern.exports.model.dpv import dpv_term
from waivern.exports.model.reported_finding import ReportedFinding
from waivern.history.comparison import Change, Comparison, Difference
from waivern.history.run_records import ArtifactRecord, RunRecord
from waivern.runs.run import ArtifactStatus, RunStatus

PROJECT = "https://github.com/waivern/waivern"


@dataclass(frozen=True)
class ReportedRule:
    """A rule of a ruleset that the run used, as the installed version defines it.

    Args:
        name: Unique within the ruleset.
        ruleset: "provider/name/1.0.0".
        rules_version: The version of the rules during the run.
        category: The kind of data that the rule detects.
        severity: The severity of the category: low, medium, high or critical.
        description: May be empty.
        source: The law or standard behind the rule; may be empty.
        facts: More about the rule, such as the `company` and `country` of a service.
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
        """Return "ruleset/rule", which is unique among all rulesets."""
        return rule_id(self.ruleset, self.name)

    @property
    def dpv(self) -> str | None:
        """Return the IRI of the category in the Data Privacy Vocabulary, or None if it has no exact term."""
        steps = self.ruleset.split("/")
        return dpv_term(steps[1], self.category) if len(steps) == 3 else None


@dataclass(frozen=True)
class NotScanned:
    """Something that was not scanned: the artifact, the name (such as a file or table), and the reason."""

    artifact_id: str
    name: str
    reason: str


@dataclass(frozen=True)
class PartiallyScanned:
    """Something of which `read` of `total` items were read; `bound` says how much the rest may contain, if known."""

    artifact_id: str
    name: str
    read: int
    total: int
    bound: str | None = None

    @property
    def extent(self) -> str:
        """Return "read 100 of 2,000"."""
        return f"read {self.read:,} of {self.total:,}"


@dataclass(frozen=True)
class PastRun:
    """A run of the same runbook with its number of findings by severity."""

    run: RunRecord
    findings: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.findings.values())


@dataclass(frozen=True)
class Report:
    """One ended run.

    Args:
        run: The run.
        artifacts: Its artifacts in the order of the plan, with status, times and inputs.
        findings: Each finding once. Iterating again reads them again, so that they need not fit into memory.
        description, contact, framework: From the runbook.
        rules: All rules of the rulesets that the run used.
        not_scanned: What was not scanned.
        partially_scanned: What was only partially scanned.
        comparison: With the previous complete run, or None if there is none.
        past_runs: The last runs of the runbook including this one, oldest first. Read from the database on iteration.
        without_evidence: Artifacts whose content was pruned. Their findings have no evidence.
    """

    run: RunRecord
    artifacts: Sequence[ArtifactRecord]
    findings: Iterable[ReportedFinding]
    description: str = ""
    contact: str | None = None
    framework: str | None = None
    rules: Sequence[ReportedRule] = ()
    not_scanned: Sequence[NotScanned] = ()
    partially_scanned: Sequence[PartiallyScanned] = ()
    comparison: Comparison | None = None
    past_runs: Iterable[PastRun] = ()
    without_evidence: Sequence[str] = ()

    @property
    def is_complete(self) -> bool:
        return self.run.status is RunStatus.SUCCEEDED

    @property
    def has_coverage_gaps(self) -> bool:
        return bool(self.not_scanned or self.partially_scanned or self.not_produced)

    @property
    def not_produced(self) -> list[ArtifactRecord]:
        """Return the artifacts that failed or were skipped."""
        return [artifact for artifact in self.artifacts if artifact.status is not ArtifactStatus.SUCCEEDED]

    @property
    def incomplete_reason(self) -> str | None:
        """Return a sentence that says why the run is incomplete, or None if it is complete."""
        if self.is_complete:
            return None
        error = f": {self.run.error}" if self.run.error else ""
        missing = (
            f"; {len(self.not_produced)} of {len(self.artifacts)} artifacts were not produced" if self.artifacts else ""
        )
        return f"The run is incomplete: it {_ended(self.run.status)}{error}{missing}"

    def no_longer_found(self, change: Change) -> list[Difference]:
        """Return findings of the previous run that this run does not have: `Change.FIXED` or `Change.UNKNOWN`."""
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
