"""List the available rulesets."""

from dataclasses import dataclass

from waivern.errors import RulesetError
from waivern.rulesets.loading.classification import load_classification
from waivern.rulesets.loading.ruleset_files import is_classification
from waivern.rulesets.loading.ruleset_loader import available_rulesets, broken_providers, load_ruleset


@dataclass(frozen=True)
class RulesetDescription:
    """One ruleset; `broken` says why it, or all rulesets of its provider, cannot be used."""

    uri: str
    rules_version: str | None = None
    rules: int | None = None
    description: str = ""
    broken: str | None = None


def list_rulesets() -> list[RulesetDescription]:
    """Return all rulesets by URI, then the providers whose rulesets cannot be loaded."""
    return [_describe(uri) for uri in available_rulesets()] + [
        RulesetDescription(provider, broken=reason) for provider, reason in sorted(broken_providers().items())
    ]


def _describe(uri: str) -> RulesetDescription:
    try:
        ruleset = load_classification(uri) if is_classification(uri) else load_ruleset(uri)
    except RulesetError as error:
        return RulesetDescription(uri, broken=str(error))
    return RulesetDescription(uri, ruleset.rules_version, len(ruleset.rules), ruleset.description)
