"""Build the report of one run for exporters."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from waivern.errors import RulesetError, RunbookError
from waivern.exports.model.report import NotScanned, PartiallyScanned, PastRun, Report, ReportedRule
from waivern.history.history import History
from waivern.history.run_records import ArtifactRecord, RunFilter, RunRecord
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.schema import Schema
from waivern.operations.application import Application, Storage
from waivern.operations.exports.reported_findings import FINDINGS, FindingsArtifact, ReportedFindings
from waivern.operations.findings.compare_runs import compare_to_last
from waivern.rulesets.loading.ruleset_loader import load_ruleset
from waivern.rulesets.model.rule import Rule
from waivern.rulesets.model.ruleset import Ruleset
from waivern.runbooks.reading.yaml_parser import parse_yaml
from waivern.runs.run import ArtifactStatus, utc_now

_MAX_PAST_RUNS = 12


def build_report(application: Application, run: RunRecord) -> Report:
    """Return the report of a run that has ended.

    Raises:
        CorruptArtifactError: the stored content does not match its digest.
    """
    storage = application.storage
    artifacts = storage.history.artifacts_of(run.id)
    messages = _Messages(storage, run.id, _inputs_first(artifacts))
    comparison = compare_to_last(application, run)
    needs_stored_findings = len(messages.findings_artifacts) > 1 or messages.pruned
    stored = storage.history.findings_of(run.id) if needs_stored_findings else ()
    decisions = storage.decisions.active(run.runbook, today=utc_now().date())
    findings = ReportedFindings(
        storage.history, run.id, messages.findings_artifacts, stored, comparison=comparison, decisions=decisions
    )
    return Report(
        run=run,
        artifacts=artifacts,
        findings=findings,
        **_runbook_fields(storage.history, run),
        rules=list(_rules(messages.rules)),
        not_scanned=messages.not_scanned,
        partially_scanned=messages.partially_scanned,
        comparison=comparison,
        past_runs=_PastRuns(functools.partial(_past_runs, application, run)),
        without_evidence=messages.pruned,
    )


def _inputs_first(artifacts: Sequence[ArtifactRecord]) -> list[ArtifactRecord]:
    by_id = {artifact.artifact_id: artifact for artifact in artifacts}
    inputs = {artifact.artifact_id: [name for name in artifact.inputs if name in by_id] for artifact in artifacts}
    return [by_id[name] for name in TopologicalSorter(inputs).static_order()]


class _Messages:
    """What a run's messages state besides their items: the rulesets, and the coverage gaps."""

    def __init__(self, storage: Storage, run_id: str, artifacts: Iterable[ArtifactRecord]) -> None:
        self.findings_artifacts: list[FindingsArtifact] = []
        self.rules: dict[str, str | None] = {}
        self.pruned: list[str] = []
        self._not_scanned: dict[tuple[str, str], NotScanned] = {}
        self._partially_scanned: dict[str, PartiallyScanned] = {}
        self._envelope = functools.partial(storage.history.envelope_without, run_id)
        self._coverage_gaps = functools.partial(storage.history.coverage_gaps_of, run_id)
        self._snapshots = storage.history.snapshots_of(run_id)
        for artifact in artifacts:
            if artifact.status is ArtifactStatus.SUCCEEDED:
                self._read(artifact)

    @property
    def not_scanned(self) -> list[NotScanned]:
        return list(self._not_scanned.values())

    @property
    def partially_scanned(self) -> list[PartiallyScanned]:
        return list(self._partially_scanned.values())

    def _read(self, artifact: ArtifactRecord) -> None:
        key = None if artifact.schema is None else schema_catalogue().items_key(Schema.parse(artifact.schema))
        if artifact.pruned_at is None and key == FINDINGS:
            self._read_findings(artifact, self._envelope(artifact.artifact_id, key))
        elif artifact.pruned_at is None and key is not None and _has_more_gaps(artifact):
            self._add_gaps(artifact, self._envelope(artifact.artifact_id, key).get("metadata"))
        elif artifact.pruned_at is not None and key == FINDINGS:
            self._add_pruned(artifact)
        else:
            self._add_overview(artifact)

    def _read_findings(self, artifact: ArtifactRecord, content: Mapping[str, Any]) -> None:
        analysis = content.get("analysis_metadata")
        metadata = analysis if isinstance(analysis, Mapping) else {}
        ruleset = str(metadata["ruleset"]) if metadata.get("ruleset") else None
        self.findings_artifacts.append(FindingsArtifact(artifact.artifact_id, ruleset))
        if ruleset is not None:
            self.rules.setdefault(ruleset, metadata.get("rules_version"))
        self._add_gaps(artifact, metadata)

    def _add_pruned(self, artifact: ArtifactRecord) -> None:
        self.pruned.append(artifact.artifact_id)
        gaps = self._coverage_gaps(artifact.artifact_id)
        not_scanned = [{"name": gap.name, "reason": gap.reason} for gap in gaps.not_scanned]
        sampled = [] if artifact.overview is None else artifact.overview.sampled_examples
        self._add_gaps(artifact, {"not_scanned": not_scanned, "sampled": sampled})
        stored = self._snapshots.get(artifact.artifact_id)
        if stored is not None and stored.ruleset is not None:
            self.rules.setdefault(stored.ruleset, stored.rules_version)

    def _add_overview(self, artifact: ArtifactRecord) -> None:
        """Add the gaps of the overview: all that is left of a pruned message, or all gaps of a message with few."""
        overview = artifact.overview
        if overview is None:
            return
        self._add_gaps(artifact, {"not_scanned": overview.not_scanned_examples, "sampled": overview.sampled_examples})
        others = overview.not_scanned - len(overview.not_scanned_examples)
        if others > 0:
            self._add_gaps(
                artifact,
                {"not_scanned": [{"name": f"{others:,} more", "reason": "the message that named them was pruned"}]},
            )

    def _add_gaps(self, artifact: ArtifactRecord, metadata: Any) -> None:
        # Artifacts repeat the gaps of their inputs, which come first. So each gap keeps the artifact that caused it.
        gaps = metadata if isinstance(metadata, Mapping) else {}
        for entry in gaps.get("not_scanned") or ():
            gap = NotScanned(artifact.artifact_id, str(entry["name"]), str(entry["reason"]))
            self._not_scanned.setdefault((gap.name, gap.reason), gap)
        for entry in gaps.get("sampled") or ():
            part = PartiallyScanned(
                artifact.artifact_id, str(entry["name"]), entry["read"], entry["total"], entry.get("bound")
            )
            self._partially_scanned.setdefault(part.name, part)


def _has_more_gaps(artifact: ArtifactRecord) -> bool:
    """Return whether the overview holds only some of the coverage gaps."""
    overview = artifact.overview
    return overview is not None and (
        overview.not_scanned > len(overview.not_scanned_examples) or overview.sampled > len(overview.sampled_examples)
    )


def _rules(versions: Mapping[str, str | None]) -> Iterator[ReportedRule]:
    """Yield the rules of the installed rulesets; classifications have none."""
    for uri, version in versions.items():
        try:
            ruleset = load_ruleset(uri)
        except RulesetError:
            continue
        for rule in ruleset.rules:
            yield _reported(rule, ruleset, version)


def _reported(rule: Rule, ruleset: Ruleset, version: str | None) -> ReportedRule:
    return ReportedRule(
        name=rule.name,
        ruleset=ruleset.uri,
        rules_version=version,
        category=rule.category,
        severity=ruleset.severities.get(rule.category, "medium"),
        description=rule.description,
        source=rule.source,
        facts=dict(rule.facts),
    )


def _runbook_fields(history: History, run: RunRecord) -> dict[str, Any]:
    """Return description, contact and framework of the runbook, or nothing if the run was never planned."""
    if run.runbook_digest is None:
        return {}
    for text in history.sources_of(run.id).values():
        try:
            root, _ = parse_yaml(text)
        except RunbookError:
            continue
        data = root.data if root is not None and isinstance(root.data, dict) else {}
        if data.get("name") == run.runbook:
            return {
                "description": str(data.get("description") or ""),
                "contact": data.get("contact"),
                "framework": data.get("framework"),
            }
    return {}


@dataclass(frozen=True)
class _PastRuns:
    """Past runs that are read from the database on iteration, because few formats use them."""

    read: Callable[[], Sequence[PastRun]]

    def __iter__(self) -> Iterator[PastRun]:
        return iter(self.read())


def _past_runs(application: Application, run: RunRecord) -> Sequence[PastRun]:
    storage = application.storage
    previous = storage.history.recent(RunFilter(runbook=run.runbook, until=run.created_at), limit=_MAX_PAST_RUNS - 1)
    oldest_first = [*reversed([past for past in previous if past.ended_at is not None]), run]
    return [PastRun(past, storage.history.finding_counts_of(past.id)) for past in oldest_first]
