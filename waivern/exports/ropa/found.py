"""What a run found, as the record of processing activities asks for it: by category, or by service."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from waivern.exports.encoding.formatting import words
from waivern.exports.model.dpv import term_of
from waivern.exports.model.report import Report, ReportedRule, rule_id
from waivern.exports.model.reported_finding import ReportedFinding
from waivern.history.decisions import Verdict

MOST_LINKS = 5

SUBJECTS, CATEGORIES, PURPOSES, RECIPIENTS, TRANSFERS, MEASURES = (
    "data subjects",
    "personal data",
    "purposes",
    "recipients",
    "transfers",
    "security",
)
_SAID_BY = {
    "personal_data_indicator": CATEGORIES,
    "data_subject_indicator": SUBJECTS,
    "processing_purposes": PURPOSES,
    "service_integrations": RECIPIENTS,
    "secret_indicator": MEASURES,
    "crypto_quality_indicator": MEASURES,
}


@dataclass
class Found:
    """All findings of one category, or of one service: how many, and where the first are."""

    kind: str
    name: str
    number: int = 0
    places: list[str] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    facts: Mapping[str, str] = field(default_factory=dict)
    special: bool = False
    dpv: str = ""

    def note(self, reported: ReportedFinding) -> None:
        finding = reported.finding
        self.number += 1
        self.special = self.special or bool(finding.special_category)
        if len(self.fingerprints) < MOST_LINKS:
            self.fingerprints.append(finding.fingerprint)
            self.places.append(f"{finding.source}: {finding.location}" if finding.location else finding.source)

    def goes_by(self, name: str) -> bool:
        """Say whether a declared name means this: without case and underscores; a service by its company too."""
        known = {self.name, self.facts.get("company", "")} if self.kind == RECIPIENTS else {self.name}
        return words(name).casefold() in {words(each).casefold() for each in known if each}


def found_in(report: Report) -> list[Found]:
    """Return what was found, by kind and name; what is suppressed was not."""
    rules = {rule.id: rule for rule in report.rules}
    by_name = {rule.name: rule for rule in reversed(report.rules)}
    found: dict[tuple[str, str], Found] = {}
    for reported in report.findings:
        if reported.decision is not None and reported.decision.verdict is Verdict.SUPPRESSED:
            continue
        name = reported.finding.rule
        rule = rules.get(rule_id(reported.ruleset, name)) or by_name.get(name)
        kind = _kind_of(rule)
        if rule is None or kind is None:
            continue
        known = words(rule.name if kind == RECIPIENTS else reported.finding.category)
        found.setdefault((kind, known), Found(kind, known, facts=rule.facts, dpv=rule.dpv or "")).note(reported)
    return sorted(found.values(), key=lambda each: (each.kind, each.name))


def term_declared(kind: str, name: str) -> str:
    """Return the IRI of what an organisation calls by the name of a category; "" where there is none."""
    terms = (term_of(ruleset, name) for ruleset, said in _SAID_BY.items() if said == kind)
    return next(filter(None, terms), "")


def _kind_of(rule: ReportedRule | None) -> str | None:
    steps = [] if rule is None else rule.ruleset.split("/")
    return _SAID_BY.get(steps[1]) if len(steps) == 3 else None
