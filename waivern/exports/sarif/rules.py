"""Waivern's rules as SARIF reporting descriptors."""

from collections.abc import Iterable, Mapping
from typing import Any

from waivern.exports.encoding.json_encoding import drop_empty
from waivern.exports.model.report import PROJECT, ReportedRule, rule_id

LEVELS = {"low": "note", "medium": "warning", "high": "error", "critical": "error"}
_SCORES = {"low": "2.0", "medium": "5.0", "high": "8.0", "critical": "9.5"}
"""What code hosts sort by: within the bands of CVSS 3.1, section 5."""


class Rules:
    """The rules by their places in the list; one that is found and that no ruleset has any more is added."""

    def __init__(self, rules: Iterable[ReportedRule]) -> None:
        self._described = [_described(rule) for rule in rules]
        self._places = {each["id"]: place for place, each in enumerate(self._described)}
        self._ids = {each["name"]: each["id"] for each in reversed(self._described)}

    def place_of(self, ruleset: str | None, rule: str, *, category: str) -> tuple[str, int]:
        """Return (id, place in the list); a finding of the run before knows its ruleset no longer."""
        name = rule_id(ruleset, rule) if ruleset else self._ids.get(rule, rule)
        if name not in self._places:
            self._places[name] = len(self._described)
            self._described.append({"id": name, "name": rule, "properties": {"category": category}})
        return name, self._places[name]

    def described(self) -> list[Mapping[str, Any]]:
        return list(self._described)


def _described(rule: ReportedRule) -> Mapping[str, Any]:
    said = rule.name.replace("_", " ")
    facts = "".join(f" {name.capitalize()}: {value}." for name, value in rule.facts.items())
    help_text = f"{rule.description or f'Finds {said}.'}{facts} Source: {rule.source or 'not known any more'}."
    return drop_empty(
        id=rule.id,
        name=rule.name,
        shortDescription={"text": said.capitalize()},
        fullDescription={"text": rule.description or f"{said.capitalize()} ({rule.category.replace('_', ' ')})"},
        defaultConfiguration={"level": LEVELS.get(rule.severity, "warning")},
        help={"text": help_text},
        helpUri=f"{PROJECT}/blob/main/docs/analysers.md",
        properties=drop_empty(
            **{"tags": ["privacy", rule.category], "security-severity": _SCORES.get(rule.severity, "5.0")},
            category=rule.category,
            source=rule.source,
            ruleset=rule.ruleset,
            rulesVersion=rule.rules_version,
            facts=dict(rule.facts),
        ),
    )
