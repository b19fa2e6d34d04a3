"""Waivern's rules as SARIF reporting descriptors."""

from collections.abc import Iterable, Mapping
from typing import Any

from waivern.exports.encoding.formatting import humanize
from waivern.exports.encoding.json_encoding import drop_empty
from waivern.exports.model.report import PROJECT, ReportedRule, rule_id

LEVELS = {"low": "note", "medium": "warning", "high": "error", "critical": "error"}
_SCORES = {"low": "2.0", "medium": "5.0", "high": "8.0", "critical": "9.5"}
"""The `security-severity` that code hosts sort by, within the bands of CVSS 3.1, section 5."""


class Rules:
    """The list of rules, to which results refer by index. A rule that is no longer installed is added when used."""

    def __init__(self, rules: Iterable[ReportedRule]) -> None:
        self._described = [_described(rule) for rule in rules]
        self._indexes = {rule["id"]: index for index, rule in enumerate(self._described)}
        self._ids = {rule["name"]: rule["id"] for rule in reversed(self._described)}

    def index_of(self, ruleset: str | None, rule: str, *, category: str) -> tuple[str, int]:
        """Return (id, index) of a rule. Findings of the previous run have no ruleset; their rule is found by name."""
        identifier = rule_id(ruleset, rule) if ruleset else self._ids.get(rule, rule)
        if identifier not in self._indexes:
            self._indexes[identifier] = len(self._described)
            self._described.append({"id": identifier, "name": rule, "properties": {"category": category}})
        return identifier, self._indexes[identifier]

    def described(self) -> list[Mapping[str, Any]]:
        return list(self._described)


def _described(rule: ReportedRule) -> Mapping[str, Any]:
    name = humanize(rule.name)
    facts = "".join(f" {key.capitalize()}: {value}." for key, value in rule.facts.items())
    help_text = f"{rule.description or f'Detects {name}.'}{facts} Source: {rule.source or 'unknown'}."
    return drop_empty(
        id=rule.id,
        name=rule.name,
        shortDescription={"text": name.capitalize()},
        fullDescription={"text": rule.description or f"{name.capitalize()} ({humanize(rule.category)})"},
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
