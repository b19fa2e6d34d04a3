"""Findings grouped as the record needs them: by category, or by service."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from waivern.exports.encoding.formatting import humanize
from waivern.exports.model.dpv import dpv_term
from waivern.exports.model.report import Report, ReportedRule, rule_id
from waivern.exports.model.reported_finding import ReportedFinding
from waivern.history.decisions import Verdict

MAX_LINKS = 5

SUBJECTS, CATEGORIES, PURPOSES, RECIPIENTS, TRANSFERS, MEASURES = (
    "data subjects",
    "personal data",
    "purposes",
    "recipients",
    "transfers",
    "security",
)
_FIELD_BY_RULESET = {
    "personal_data_indicator": CATEGORIES,
    "data_subject_indicator": SUBJECTS,
    "processing_purposes": PURPOSES,
    "service_integrations": RECIPIENTS,
    "secret_indicator": MEASURES,
    "crypto_quality_indicator": MEASURES,
}


@dataclass
class DetectedItem:
    """All findings of one category or one service.

    Args:
        field: The field of the record, such as `CATEGORIES`.
        name: The category, or the rule of a service.
        number: The number of findings.
        locations: The first 5 locations.
        fingerprints: The fingerprints of the findings at these locations.
        facts: Facts of the rule, such as the `company` and `country` of a service.
        special: Whether a finding is of a special category (Art. 9 GDPR).
        dpv_term: The IRI of the category in the Data Privacy Vocabulary, or "".
    """

    field: str
    name: str
    number: int = 0
    locations: list[str] = dataclasses.field(default_factory=list)
    fingerprints: list[str] = dataclasses.field(default_factory=list)
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    special: bool = False
    dpv_term: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.field, self.name

    def add(self, reported: ReportedFinding) -> None:
        finding = reported.finding
        self.number += 1
        self.special = self.special or bool(finding.special_category)
        if len(self.fingerprints) < MAX_LINKS:
            self.fingerprints.append(finding.fingerprint)
            self.locations.append(f"{finding.source}: {finding.location}" if finding.location else finding.source)

    def matches_name(self, name: str) -> bool:
        """Return whether a declared name means this item, ignoring case and underscores. Companies match too."""
        names = {self.name, self.facts.get("company", "")} if self.field == RECIPIENTS else {self.name}
        return humanize(name).casefold() in {humanize(known).casefold() for known in names if known}


def group_findings(report: Report) -> list[DetectedItem]:
    """Return the findings grouped by field and name, without suppressed ones."""
    rules = {rule.id: rule for rule in report.rules}
    by_name = {rule.name: rule for rule in reversed(report.rules)}
    items: dict[tuple[str, str], DetectedItem] = {}
    for reported in report.findings:
        if reported.decision is not None and reported.decision.verdict is Verdict.SUPPRESSED:
            continue
        rule_name = reported.finding.rule
        rule = rules.get(rule_id(reported.ruleset, rule_name)) or by_name.get(rule_name)
        field = _field_of(rule)
        if rule is None or field is None:
            continue
        name = humanize(rule.name if field == RECIPIENTS else reported.finding.category)
        item = DetectedItem(field, name, facts=rule.facts, dpv_term=rule.dpv or "")
        items.setdefault(item.key, item).add(reported)
    return sorted(items.values(), key=lambda item: item.key)


def declared_dpv_term(field: str, name: str) -> str:
    """Return the IRI of a declared name that is also a category, or ""."""
    rulesets = (ruleset for ruleset, ruleset_field in _FIELD_BY_RULESET.items() if ruleset_field == field)
    return next(filter(None, (dpv_term(ruleset, name) for ruleset in rulesets)), "")


def _field_of(rule: ReportedRule | None) -> str | None:
    steps = [] if rule is None else rule.ruleset.split("/")
    return _FIELD_BY_RULESET.get(steps[1]) if len(steps) == 3 else None
