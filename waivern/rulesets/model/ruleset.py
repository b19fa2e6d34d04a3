"""A set of rules with a name and a version."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from waivern.rulesets.model.rule import Rule, Severity


@dataclass(frozen=True)
class Ruleset:
    """Rules that are used together.

    Args:
        uri: "provider/name/1.0.0", as a runbook writes it.
        rules_version: The version and the beginning of the content's digest: it changes whenever the rules do.
        rules: In the order of the file.
        severities: {category: how much harm it may do in the wrong hands}; what is not named is medium.
        person_tables: Words that say that a table holds people ("customers").
        contact_tables: Last words of a table's name that say so too, unless its first is an other owner ("addresses").
        firm_tables: Last words of a table's name that say that it holds firms or places ("suppliers").
        other_things: Last words of a field name that make it mean something else ("email template", "phone type").
        reads_names: Whether what tables and columns are called is read like any text.
        shows_matches: Whether evidence shows what matched: names of services and settings, not anybody's data.
        other_owners: First words that make a weak term mean something else ("company name", "file name").
        limits: First words that make any term mean a bound or a switch ("max age", "min salary", "send email").
    """

    uri: str
    rules_version: str
    rules: tuple[Rule, ...]
    description: str = ""
    reads_names: bool = False
    shows_matches: bool = False
    severities: Mapping[str, Severity] = field(default_factory=dict)
    person_tables: frozenset[str] = frozenset()
    contact_tables: frozenset[str] = frozenset()
    firm_tables: frozenset[str] = frozenset()
    other_things: frozenset[str] = frozenset()
    other_owners: frozenset[str] = frozenset()
    limits: frozenset[str] = frozenset()

    def for_scans(self) -> "Ruleset":
        """Return the ruleset without the rules that make no findings."""
        rules = tuple(rule for rule in self.rules if rule.makes_findings)
        return self if len(rules) == len(self.rules) else replace(self, rules=rules)

    def __hash__(self) -> int:
        return hash((self.uri, self.rules_version))
