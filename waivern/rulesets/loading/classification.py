"""Classifications: rules for what a category of findings means under a law."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from waivern.errors import RulesetError
from waivern.rulesets.loading.parsed_cache import parsed
from waivern.rulesets.loading.ruleset_files import (
    RulesetHeader,
    check_unique,
    convert,
    full_uri,
    read_ruleset_file,
    rule_label,
    ruleset_file,
)


class ClassificationRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The legal meaning of one or more categories of findings.

    Args:
        name: Unique within the classification; the finding's `privacy_category`.
        categories: The categories of findings that the rule applies to.
        rules: Names of detection rules that it applies to, whatever their category; these take precedence.
        special_category: Whether it is data under Art. 9(1) GDPR.
        criminal_data: Whether it is data under Art. 10 GDPR.
        source: The articles, recitals, judgments and guidelines that the rule is based on.
        article_references: The applicable articles, such as "GDPR Art. 9(1)".
        dpia_triggers: Keys of the classification's `criteria`.
        notes: Consequences for the controller: duties, transfers, legal bases.
        require_review: Whether a person must decide.
        review_reason: Why a person must decide.
    """

    name: str
    source: str
    article_references: tuple[str, ...]
    categories: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    special_category: bool = False
    criminal_data: bool = False
    dpia_triggers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    require_review: bool = False
    review_reason: str = ""


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The legal basis of transfers to a group of countries.

    Args:
        status: A short name such as `adequacy`; unique within the classification.
        source: The decisions, judgments and guidelines that the rule is based on.
        countries: Country names in English; empty for the rule that applies to all other countries.
        article_references: The applicable articles.
        note: Consequences for the controller.
        require_review: Whether a person must decide.
        review_reason: Why a person must decide.
    """

    status: str
    source: str
    article_references: tuple[str, ...]
    note: str
    countries: tuple[str, ...] = ()
    require_review: bool = False
    review_reason: str = ""


class _ClassificationFile(RulesetHeader, frozen=True, forbid_unknown_fields=True, kw_only=True):
    law: str
    criteria: dict[str, str] = msgspec.field(default_factory=dict)
    transfers: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Classification:
    """A versioned set of classification rules.

    Args:
        uri: "provider/name/1.0.0", as in a runbook.
        rules_version: The version and a prefix of the content's digest.
        rules: In the order of the file.
        criteria: {key: reference} of the criteria for an impact assessment (Art. 35(3) GDPR; WP248 rev.01).
        description: What it classifies.
        law: The version of the law that it follows.
        transfers: Transfer rules by country; empty unless it classifies third-party services.
    """

    uri: str
    rules_version: str
    rules: tuple[ClassificationRule, ...]
    criteria: Mapping[str, str]
    description: str
    law: str
    transfers: tuple[Transfer, ...] = ()

    def classify(self, category: str, rule_name: str) -> ClassificationRule | None:
        """Return the rule that names the detection rule of a finding, or else the rule that names its category."""
        by_rule = next((rule for rule in self.rules if rule_name in rule.rules), None)
        return by_rule or next((rule for rule in self.rules if category in rule.categories), None)

    def transfer_to(self, country: str) -> Transfer | None:
        """Return the transfer rule that names a country, or else the one for all other countries.

        For a company with several countries ("Ireland / China") the rule that comes last in the file applies.
        """
        last = max(self._transfer_index(name.strip()) for name in country.split("/"))
        return self.transfers[last] if last >= 0 else None

    def _transfer_index(self, country: str) -> int:
        numbered = list(enumerate(self.transfers))
        by_name = next((index for index, transfer in numbered if country in transfer.countries), None)
        if by_name is not None:
            return by_name
        return next((index for index, transfer in numbered if not transfer.countries), -1)


@functools.cache
def load_classification(uri: str) -> Classification:
    """Return the classification "provider/name/1.0.0"; each is read and checked once per process.

    `full_uri` describes which shorter names are accepted.

    Raises:
        RulesetError: There is no such classification, or it is invalid (the text names the file, rule and field).
    """
    full = full_uri(uri)
    if full != uri:
        return load_classification(full)
    return read_classification(ruleset_file(full, classification=True), uri=full)


def read_classification(file: Any, *, uri: str) -> Classification:
    """Read one classification from a YAML file.

    Raises:
        RulesetError: The file is invalid; the text names the file, rule and field.
    """
    content: bytes = file.read_bytes()
    return parsed(content, Classification, lambda: _parse(content, where=str(file), uri=uri), uri=uri)


def _parse(content: bytes, *, where: str, uri: str) -> Classification:
    document, version = read_ruleset_file(content, _ClassificationFile, where=where, uri=uri)
    rules = tuple(
        _rule(raw, document.criteria, where=f"{where}: {rule_label(raw, number)}")
        for number, raw in enumerate(document.rules, 1)
    )
    check_unique([rule.name for rule in rules], where=where, kind="rule")
    check_unique([category for rule in rules for category in rule.categories], where=where, kind="category")
    check_unique([name for rule in rules for name in rule.rules], where=where, kind="detection rule")
    transfers = tuple(
        _transfer(raw, where=f"{where}: transfer number {number}") for number, raw in enumerate(document.transfers, 1)
    )
    check_unique([transfer.status for transfer in transfers], where=where, kind="transfer status")
    check_unique([name for transfer in transfers for name in transfer.countries], where=where, kind="country")
    return Classification(uri, version, rules, document.criteria, document.description, document.law, transfers)


def _rule(raw: object, criteria: Mapping[str, str], *, where: str) -> ClassificationRule:
    rule = convert(raw, ClassificationRule, where=where)
    if not (rule.categories or rule.rules):
        raise RulesetError(f"{where}: the rule needs categories or rules")
    if not rule.source.strip() or not rule.article_references:
        raise RulesetError(f"{where}: the rule needs a source and article_references")
    unknown = [key for key in rule.dpia_triggers if key not in criteria]
    if unknown:
        raise RulesetError(f"{where}: dpia_triggers: '{unknown[0]}' is not a key of criteria")
    _check_review(rule, where=where)
    return rule


def _transfer(raw: object, *, where: str) -> Transfer:
    transfer = convert(raw, Transfer, where=where)
    _check_review(transfer, where=where)
    return transfer


def _check_review(rule: ClassificationRule | Transfer, *, where: str) -> None:
    if rule.require_review != bool(rule.review_reason):
        raise RulesetError(f"{where}: require_review and review_reason must be used together")
