"""Classifications: what an indicator of a category means under a law."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from waivern.errors import RulesetError
from waivern.rulesets.loading.ruleset_files import (
    RulesetHead,
    called,
    check_unique,
    converted,
    file_of,
    full_uri,
    read_head,
)


class ClassificationRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What some categories of indicators mean.

    Args:
        name: Unique within the classification; it is the `privacy_category`.
        categories: The categories of indicators that it is about.
        rules: Names of rules whose indicators it is about, whatever their category: more specific, so they come first.
        special_category: Whether it is data of Art. 9(1) GDPR.
        criminal_data: Whether it is data of Art. 10 GDPR.
        source: By what the rule was written: articles, recitals, judgments, guidelines.
        article_references: What of the law it falls under, such as "GDPR Art. 9(1)".
        dpia_triggers: Keys of the classification's `criteria`.
        notes: What follows for whoever is responsible: duties, transfers, bases.
        require_review: Whether a person has to decide, and `review_reason` why.
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
    """On what a transfer to some countries may rest.

    Args:
        status: In a word, such as `adequacy`; unique within the classification.
        source: The decisions, judgments and guidelines behind it.
        countries: In English; none where it is about every country that no other names.
        article_references: What of the law it falls under.
        note: What follows for whoever is responsible.
        require_review: Whether a person has to decide, and `review_reason` why.
    """

    status: str
    source: str
    article_references: tuple[str, ...]
    note: str
    countries: tuple[str, ...] = ()
    require_review: bool = False
    review_reason: str = ""


class _ClassificationFile(RulesetHead, frozen=True, forbid_unknown_fields=True, kw_only=True):
    text: str
    criteria: dict[str, str] = msgspec.field(default_factory=dict)
    transfers: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Classification:
    """A set of classification rules.

    Args:
        uri: "provider/name/1.0.0", as a runbook writes it.
        rules_version: The version and the beginning of the content's digest.
        rules: In the order of the file.
        criteria: {key: reference} of what speaks for an impact assessment (Art. 35(3) GDPR; WP248 rev.01).
        description: What it classifies.
        text: Which version of the law it follows.
        transfers: What speaks for and against a transfer, by country; none where it is not about third parties.
    """

    uri: str
    rules_version: str
    rules: tuple[ClassificationRule, ...]
    criteria: Mapping[str, str]
    description: str
    text: str
    transfers: tuple[Transfer, ...] = ()

    def of(self, category: str, rule: str) -> ClassificationRule | None:
        """Return the rule for an indicator: one that names its rule, else one that names its category."""
        by_rule = next((each for each in self.rules if rule in each.rules), None)
        return by_rule or next((each for each in self.rules if category in each.categories), None)

    def transfer_to(self, country: str) -> Transfer | None:
        """Return what a transfer to a country may rest on: by what names it, else by what is about all others.

        Of a company seated in several ("Ireland / China") the one counts that the file has last.
        """
        last = max(self._number_of(each.strip()) for each in country.split("/"))
        return self.transfers[last] if last >= 0 else None

    def _number_of(self, country: str) -> int:
        numbered = list(enumerate(self.transfers))
        by_name = next((number for number, each in numbered if country in each.countries), None)
        return by_name if by_name is not None else next((n for n, each in numbered if not each.countries), -1)


@functools.cache
def load_classification(uri: str) -> Classification:
    """Return the classification "provider/name/1.0.0", read and checked once in a process; or by a shorter name.

    Raises:
        RulesetError: nobody provides it, or it does not say what it must (the text names file, rule and field).
    """
    full = full_uri(uri)
    return (
        read_classification(file_of(full, classification=True), uri=full) if full == uri else load_classification(full)
    )


def read_classification(file: object, *, uri: str) -> Classification:
    """Read one classification from a YAML file; raises RulesetError as `load_classification` does."""
    head, version = read_head(file, _ClassificationFile, uri=uri)
    rules = tuple(
        _rule(raw, head.criteria, where=f"{file}: {called(raw, number)}") for number, raw in enumerate(head.rules, 1)
    )
    check_unique([rule.name for rule in rules], where=str(file), what="rule")
    check_unique([category for rule in rules for category in rule.categories], where=str(file), what="category")
    check_unique([name for rule in rules for name in rule.rules], where=str(file), what="rule's rule")
    transfers = tuple(_transfer(raw, where=f"{file}: transfer number {n}") for n, raw in enumerate(head.transfers, 1))
    check_unique([each.status for each in transfers], where=str(file), what="status")
    check_unique([country for each in transfers for country in each.countries], where=str(file), what="country")
    return Classification(uri, version, rules, head.criteria, head.description, head.text, transfers)


def _rule(raw: object, criteria: Mapping[str, str], *, where: str) -> ClassificationRule:
    rule = converted(raw, ClassificationRule, where=where)
    if not (rule.categories or rule.rules):
        raise RulesetError(f"{where}: it names neither categories nor rules, so it classifies nothing")
    if not rule.source.strip() or not rule.article_references:
        raise RulesetError(f"{where}: it names no source, or no article")
    unknown = [key for key in rule.dpia_triggers if key not in criteria]
    if unknown:
        raise RulesetError(f"{where}: dpia_triggers: there is no criterion '{unknown[0]}'")
    _check_review(rule, where=where)
    return rule


def _transfer(raw: object, *, where: str) -> Transfer:
    transfer = converted(raw, Transfer, where=where)
    _check_review(transfer, where=where)
    return transfer


def _check_review(of: ClassificationRule | Transfer, *, where: str) -> None:
    if of.require_review != bool(of.review_reason):
        raise RulesetError(f"{where}: require_review and review_reason go together")
