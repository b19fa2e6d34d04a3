"""Say why a finding is one: its rule, the law or standard behind that, what matched, what made it sure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waivern.errors import PrunedArtifactError, RulesetError, RunError
from waivern.history.run_history import ArtifactRecord, RunFilter, RunRecord
from waivern.operations.application import Application
from waivern.rulesets.loading.ruleset_loader import load_ruleset
from waivern.rulesets.model.rule import Rule
from waivern.runs.run import ArtifactStatus

_RUNS_BACK = 100
_LEAST_PREFIX = 6


@dataclass(frozen=True)
class Explanation:
    """A finding with the rule that made it.

    Args:
        run: The newest run that has it, or the one that was asked for.
        artifact_id: In which of its artifacts it stands.
        finding: As it is kept.
        ruleset: The URI of the rules that were applied, where the artifact says so.
        rules_version: Their version then.
        rule: As it reads today; None where the rules cannot be had any more, or no longer have it.
        rules_version_today: To compare with; None likewise.
    """

    run: RunRecord
    artifact_id: str
    finding: Mapping[str, Any]
    ruleset: str | None
    rules_version: str | None
    rule: Rule | None
    rules_version_today: str | None


def explain_finding(application: Application, fingerprint: str, *, run: str | None = None) -> Explanation:
    """Return what is known of a finding, by its fingerprint or the beginning of it (six digits at the least).

    Args:
        application: What is installed.
        fingerprint: Of the finding.
        run: The run to look into, by its id, a prefix or "latest"; without it, the newest hundred runs.

    Raises:
        RunError: there is no such run or finding, or more than one finding begins so.
        PrunedArtifactError: the message that it stood in is not kept any more.
    """
    wanted = fingerprint.strip().lower()
    if len(wanted) < _LEAST_PREFIX:
        raise RunError(f"'{fingerprint}' is too short", remedy=f"Give {_LEAST_PREFIX} digits of it at the least")
    history = application.storage.history
    runs = [history.find(run)] if run is not None else history.recent(RunFilter(), limit=_RUNS_BACK)
    for each in runs:
        found = list(_findings_in(application, each, wanted))
        names = sorted({str(finding["fingerprint"]) for _, finding, _ in found})
        if len(names) > 1:
            raise RunError(f"More than one finding begins with '{wanted}': {', '.join(names)}")
        if found:
            return _explained(each, *found[0])
    _refuse_pruned(application, runs, wanted)
    where = f"Run {runs[0].id} has" if run is not None else f"The newest {_RUNS_BACK} runs have"
    raise RunError(
        f"{where} no finding '{wanted}'",
        remedy="`waivern artifacts show RUN ARTIFACT` shows findings with their fingerprints",
    )


def _findings_in(
    application: Application, run: RunRecord, wanted: str
) -> Iterator[tuple[ArtifactRecord, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield (artifact, finding, what the artifact says of the analysis), the most original artifact first."""
    history = application.storage.history
    for artifact in history.artifacts_of(run.id):
        is_readable = artifact.status is ArtifactStatus.SUCCEEDED and artifact.pruned_at is None
        if not is_readable or not _may_have_findings(artifact):
            continue
        content = history.message_of(run.id, artifact.artifact_id).content
        findings: Sequence[Any] = content.get("findings", ())
        for finding in findings:
            if isinstance(finding, Mapping) and str(finding.get("fingerprint", "")).startswith(wanted):
                yield artifact, finding, content.get("analysis_metadata", {})


def _refuse_pruned(application: Application, runs: Sequence[RunRecord], wanted: str) -> None:
    """Where only the rows of the finding are left, say since when, and why."""
    storage = application.storage
    for run in runs:
        held_by = {
            who for who, finding in storage.findings.findings_of(run.id) if finding.fingerprint.startswith(wanted)
        }
        for artifact in storage.history.artifacts_of(run.id) if held_by else ():
            if artifact.artifact_id in held_by and artifact.pruned_at is not None:
                raise PrunedArtifactError(
                    f"artifact '{artifact.artifact_id}' of run {run.id}",
                    at=artifact.pruned_at,
                    reason=artifact.pruned_because,
                )


def _may_have_findings(artifact: ArtifactRecord) -> bool:
    return artifact.overview is None or bool(artifact.overview.findings)


def _explained(
    run: RunRecord, artifact: ArtifactRecord, finding: Mapping[str, Any], analysis: Mapping[str, Any]
) -> Explanation:
    uri, then = analysis.get("ruleset"), analysis.get("rules_version")
    rule, today = _rule_today(str(uri), str(finding.get("rule")))
    return Explanation(run, artifact.artifact_id, finding, uri, then, rule, today)


def _rule_today(uri: str, name: str) -> tuple[Rule | None, str | None]:
    try:
        ruleset = load_ruleset(uri)
    except RulesetError:
        return None, None
    return next((rule for rule in ruleset.rules if rule.name == name), None), ruleset.rules_version


def explanation_as_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as a JSON object; `rule` is null where today's rules do not have it."""
    rule = explanation.rule
    return {
        "fingerprint": explanation.finding["fingerprint"],
        "run": explanation.run.id,
        "runbook": explanation.run.runbook,
        "artifact_id": explanation.artifact_id,
        "finding": dict(explanation.finding),
        "ruleset": explanation.ruleset,
        "rules_version": explanation.rules_version,
        "rules_version_today": explanation.rules_version_today,
        "rule": None if rule is None else _rule_as_json(rule),
    }


def _rule_as_json(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "category": rule.category,
        "description": rule.description,
        "source": rule.source,
        "patterns": [
            {"name": pattern.name, "regex": pattern.regex, "validator": pattern.validator or None}
            for pattern in rule.patterns
        ],
        "keywords": list(rule.keywords.terms) if rule.keywords is not None else [],
        "weak_keywords": list(rule.keywords.weak) if rule.keywords is not None else [],
        "context_words": list(rule.context_words),
        "negative_context_words": list(rule.negative_context_words),
        "field_names": {
            "strong": list(rule.field_names.strong),
            "weak": list(rule.field_names.weak),
            "weak_columns": list(rule.field_names.weak_columns),
        },
        "person_tables_only": rule.person_tables_only,
    }
