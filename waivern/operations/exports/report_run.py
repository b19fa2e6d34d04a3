"""Put together all that is known of one run, for exporters to write down."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from waivern.errors import RulesetError, RunbookError
from waivern.exports.model.report import LeftOut, PartiallyScanned, PastRun, Report, ReportedRule
from waivern.history.run_history import ArtifactRecord, RunFilter, RunHistory, RunRecord
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

_PAST_RUNS = 12


def build_report(application: Application, run: RunRecord) -> Report:
    """Return the report of a run that has ended.

    Raises:
        CorruptArtifactError: what is stored is not what was saved.
    """
    storage = application.storage
    artifacts = storage.history.artifacts_of(run.id)
    contents = _Contents(storage, run.id, _inputs_first(artifacts))
    comparison = compare_to_last(application, run)
    several = len(contents.held) > 1 or contents.pruned
    remembered = storage.findings.findings_of(run.id) if several else ()
    decisions = storage.decisions.in_force(run.runbook, today=utc_now().date())
    findings = ReportedFindings(
        storage.history, run.id, contents.held, remembered, comparison=comparison, decisions=decisions
    )
    return Report(
        run=run,
        artifacts=artifacts,
        findings=findings,
        **_said_of_itself(storage.history, run),
        rules=list(_rules(contents.rules)),
        left_out=contents.left_out,
        in_part=contents.in_part,
        comparison=comparison,
        past_runs=_PastRuns(functools.partial(_past_runs, application, run)),
        without_evidence=contents.pruned,
    )


def _inputs_first(artifacts: Sequence[ArtifactRecord]) -> list[ArtifactRecord]:
    by_id = {each.artifact_id: each for each in artifacts}
    inputs = {each.artifact_id: [name for name in each.inputs if name in by_id] for each in artifacts}
    return [by_id[name] for name in TopologicalSorter(inputs).static_order()]


class _Contents:
    """What the messages of a run say beside their items: by which rules, and what was not looked at."""

    def __init__(self, storage: Storage, run_id: str, artifacts: Iterable[ArtifactRecord]) -> None:
        self.held: list[FindingsArtifact] = []
        self.rules: dict[str, str | None] = {}
        self.pruned: list[str] = []
        self._left_out: dict[tuple[str, str], LeftOut] = {}
        self._in_part: dict[str, PartiallyScanned] = {}
        self._around = functools.partial(storage.history.content_around, run_id)
        self._omissions = functools.partial(storage.findings.omissions_of, run_id)
        self._remembered = storage.findings.sets_of(run_id)
        for artifact in artifacts:
            if artifact.status is ArtifactStatus.SUCCEEDED:
                self._read(artifact)

    @property
    def left_out(self) -> list[LeftOut]:
        return list(self._left_out.values())

    @property
    def in_part(self) -> list[PartiallyScanned]:
        return list(self._in_part.values())

    def _read(self, artifact: ArtifactRecord) -> None:
        key = None if artifact.schema is None else schema_catalogue().items_key(Schema.parse(artifact.schema))
        if artifact.pruned_at is None and key == FINDINGS:
            self._read_findings(artifact, self._around(artifact.artifact_id, key))
        elif artifact.pruned_at is None and key is not None and _says_more(artifact):
            self._note(artifact, self._around(artifact.artifact_id, key).get("metadata"))
        elif artifact.pruned_at is not None and key == FINDINGS:
            self._note_pruned(artifact)
        else:
            self._note_overview(artifact)

    def _read_findings(self, artifact: ArtifactRecord, content: Mapping[str, Any]) -> None:
        analysis = content.get("analysis_metadata")
        said = analysis if isinstance(analysis, Mapping) else {}
        ruleset = str(said["ruleset"]) if said.get("ruleset") else None
        self.held.append(FindingsArtifact(artifact.artifact_id, ruleset))
        if ruleset is not None:
            self.rules.setdefault(ruleset, said.get("rules_version"))
        self._note(artifact, said)

    def _note_pruned(self, artifact: ArtifactRecord) -> None:
        self.pruned.append(artifact.artifact_id)
        omissions = self._omissions(artifact.artifact_id)
        if omissions is None:
            self._note_overview(artifact)
        else:
            named = [{"name": what, "reason": why} for what, why in omissions.left_out.items()]
            sampled = [] if artifact.overview is None else artifact.overview.sampled_examples
            self._note(artifact, {"not_scanned": named, "sampled": sampled})
        held = self._remembered.get(artifact.artifact_id)
        if held is not None and held.ruleset is not None:
            self.rules.setdefault(held.ruleset, held.rules_version)

    def _note_overview(self, artifact: ArtifactRecord) -> None:
        """All that is told of a message that was pruned, and of one with few omissions all that there is."""
        overview = artifact.overview
        if overview is None:
            return
        self._note(artifact, {"not_scanned": overview.not_scanned_examples, "sampled": overview.sampled_examples})
        beyond = overview.not_scanned - len(overview.not_scanned_examples)
        if beyond > 0:
            self._note(
                artifact,
                {"not_scanned": [{"name": f"{beyond:,} more", "reason": "the message that named them was pruned"}]},
            )

    def _note(self, artifact: ArtifactRecord, said: Any) -> None:
        """What an artifact took over from its inputs is told of them."""
        described = said if isinstance(said, Mapping) else {}
        for each in described.get("not_scanned") or ():
            what, why = str(each["name"]), str(each["reason"])
            self._left_out.setdefault((what, why), LeftOut(artifact.artifact_id, what, why))
        for each in described.get("sampled") or ():
            part = PartiallyScanned(
                artifact.artifact_id, str(each["name"]), each["read"], each["total"], each.get("bound")
            )
            self._in_part.setdefault(part.what, part)


def _says_more(artifact: ArtifactRecord) -> bool:
    """Whether the examples that its overview holds are not all."""
    overview = artifact.overview
    return overview is not None and (
        overview.not_scanned > len(overview.not_scanned_examples) or overview.sampled > len(overview.sampled_examples)
    )


def _rules(versions: Mapping[str, str | None]) -> Iterator[ReportedRule]:
    """The rules of the rulesets as they read today; none of a classification, or of what is not installed any more."""
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


def _said_of_itself(history: RunHistory, run: RunRecord) -> dict[str, Any]:
    """What the run's runbook says of itself; nothing where it was never planned."""
    if run.runbook_digest is None:
        return {}
    for text in history.sources_of(run.id).values():
        try:
            root, _ = parse_yaml(text)
        except RunbookError:
            continue
        said = root.data if root is not None and isinstance(root.data, dict) else {}
        if said.get("name") == run.runbook:
            return {
                "description": str(said.get("description") or ""),
                "contact": said.get("contact"),
                "framework": said.get("framework"),
            }
    return {}


@dataclass(frozen=True)
class _PastRuns:
    """Runs that are asked for when somebody goes through them: few formats tell them."""

    ask: Callable[[], Sequence[PastRun]]

    def __iter__(self) -> Iterator[PastRun]:
        return iter(self.ask())


def _past_runs(application: Application, run: RunRecord) -> Sequence[PastRun]:
    storage = application.storage
    before = storage.history.recent(RunFilter(runbook=run.runbook, until=run.created_at), limit=_PAST_RUNS - 1)
    oldest_first = [*reversed([each for each in before if each.ended_at is not None]), run]
    return [PastRun(each, storage.findings.numbers_of(each.id)) for each in oldest_first]
