"""Rulesets: versioned sets of rules."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from waivern.messages.canonical import canonical_bytes, digest_of
from waivern.rulesets.model.rule import Rule
from waivern.severity import Severity


@dataclass(frozen=True)
class Ruleset:
    """Rules that an analyser applies together.

    Args:
        uri: "provider/name/1.0.0", as in a runbook.
        rules_version: The version and a prefix of the content's digest; it changes whenever a rule changes.
        rules: In the order of the file.
        severities: {category: severity}; other categories are medium.
        person_tables: Words that mark a table as being about people ("customers").
        contact_tables: Last words of a table's name that also do so, unless its first word is one of
            `non_personal_prefixes` ("addresses").
        organisation_tables: Last words of a table's name that mark it as being about organisations or places
            ("suppliers").
        non_personal_suffixes: Last words of a field name that change its meaning ("email template", "phone type").
        scan_names: Whether the names of tables and columns are scanned like text.
        show_matches: Whether evidence shows the match unmasked, because it is no personal data: a service, a setting.
        non_personal_prefixes: First words that change the meaning of a weak field name ("company name", "file name").
        qualifier_prefixes: First words that make any field name a limit or a switch ("max age", "send email").
    """

    uri: str
    rules_version: str
    rules: tuple[Rule, ...]
    description: str = ""
    scan_names: bool = False
    show_matches: bool = False
    severities: Mapping[str, Severity] = field(default_factory=dict)
    person_tables: frozenset[str] = frozenset()
    contact_tables: frozenset[str] = frozenset()
    organisation_tables: frozenset[str] = frozenset()
    non_personal_suffixes: frozenset[str] = frozenset()
    non_personal_prefixes: frozenset[str] = frozenset()
    qualifier_prefixes: frozenset[str] = frozenset()

    def for_scans(self) -> "Ruleset":
        """Return the ruleset with its reportable rules only."""
        rules = tuple(rule for rule in self.rules if rule.reportable)
        return self if len(rules) == len(self.rules) else replace(self, rules=rules)

    def __hash__(self) -> int:
        return hash((self.uri, self.rules_version))


@functools.lru_cache(32)
def ruleset_digest(ruleset: Ruleset) -> str:
    """Return the SHA-256 of everything that a ruleset holds."""
    return digest_of(canonical_bytes(ruleset))
