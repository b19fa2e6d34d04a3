"""Say which rulesets there are."""

from dataclasses import dataclass

from waivern.errors import RulesetError
from waivern.rulesets.loading.classification import load_classification
from waivern.rulesets.loading.ruleset_files import is_classification
from waivern.rulesets.loading.ruleset_loader import available_rulesets, broken_providers, load_ruleset


@dataclass(frozen=True)
class RulesetDescription:
    """One ruleset; `broken` says why it, or all of its provider's, cannot be used."""

    uri: str
    rules_version: str | None = None
    rules: int | None = None
    description: str = ""
    broken: str | None = None


def list_rulesets() -> list[RulesetDescription]:
    """Return every ruleset by its URI, then the providers whose rulesets cannot be found."""
    return [_described(uri) for uri in available_rulesets()] + [
        RulesetDescription(provider, broken=reason) for provider, reason in sorted(broken_providers().items())
    ]


def _described(uri: str) -> RulesetDescription:
    try:
        ruleset = load_classification(uri) if is_classification(uri) else load_ruleset(uri)
    except RulesetError as error:
        return RulesetDescription(uri, broken=str(error))
    return RulesetDescription(uri, ruleset.rules_version, len(ruleset.rules), ruleset.description)
