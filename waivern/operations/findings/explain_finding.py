"""Explain a finding: its rule, the law or standard that the rule is based on, its matches and its confidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waivern.errors import RulesetError, RunError
from waivern.history.run_records import RunRecord
from waivern.operations.application import Application
from waivern.operations.findings.find_findings import Holder, newest_entry, newest_first, resolve_fingerprint
from waivern.rulesets.loading.ruleset_loader import load_ruleset
from waivern.rulesets.model.rule import Rule


@dataclass(frozen=True)
class Explanation:
    """A finding with the rule that made it.

    Args:
        run: The newest run that has it, or the given one.
        artifact_id: The artifact that holds it.
        finding: Its entry in the artifact, with evidence.
        ruleset: The URI of the ruleset that was applied, if the artifact names it.
        rules_version: The ruleset's version at that time.
        rule: The current rule; None if it, or its ruleset, no longer exists.
        rules_version_today: The ruleset's current version; None if it is not installed.
    """

    run: RunRecord
    artifact_id: str
    finding: Mapping[str, Any]
    ruleset: str | None
    rules_version: str | None
    rule: Rule | None
    rules_version_today: str | None


def explain_finding(application: Application, fingerprint: str, *, run: str | None = None) -> Explanation:
    """Explain a finding, by its fingerprint or a prefix of at least six digits.

    Args:
        application: The installation.
        fingerprint: The finding's fingerprint.
        run: The run from which to take it, by its id, a prefix or "latest"; None: the newest run that has it.

    Raises:
        DecisionError: no run has found it, or more than one finding has this prefix.
        RunError: there is no such run, or it does not have the finding.
        PrunedArtifactError: the messages that held it were deleted.
    """
    history = application.storage.history
    searched = None if run is None else history.find(run)
    name = resolve_fingerprint(application, fingerprint)
    if searched is None:
        holders = newest_first(application.storage.current_findings.presences_of(name))
    else:
        found = history.findings_of(searched.id)
        holders = [Holder(searched.id, artifact_id) for artifact_id, finding in found if finding.fingerprint == name]
        if not holders:
            raise RunError(f"Run {searched.id} has no finding '{name}'", remedy="Leave --run out to search all runs")
    found_entry = newest_entry(application, name, holders)
    run_id, artifact_id = found_entry.holder.run_id, found_entry.holder.artifact_id
    ruleset, version = found_entry.analysis.get("ruleset"), found_entry.analysis.get("rules_version")
    rule, current_version = _current_rule(str(ruleset), str(found_entry.entry.get("rule")))
    return Explanation(
        run=history.find(run_id),
        artifact_id=artifact_id,
        finding=found_entry.entry,
        ruleset=ruleset,
        rules_version=version,
        rule=rule,
        rules_version_today=current_version,
    )


def _current_rule(uri: str, name: str) -> tuple[Rule | None, str | None]:
    try:
        ruleset = load_ruleset(uri)
    except RulesetError:
        return None, None
    return next((rule for rule in ruleset.rules if rule.name == name), None), ruleset.rules_version


def explanation_as_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as a JSON object; `rule` is null where the current rules do not have it."""
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
