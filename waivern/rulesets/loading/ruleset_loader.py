"""Loading and checking rulesets. The module `ruleset_files` finds their files."""

import functools
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from waivern.errors import RulesetError
from waivern.rulesets.detection.context import MAX_VALUE_LENGTH
from waivern.rulesets.engine.regex_rules import max_match_length, validate_regex
from waivern.rulesets.loading.integrations import integration_patterns
from waivern.rulesets.loading.parsed_cache import parsed
from waivern.rulesets.loading.ruleset_files import (
    RulesetHeader,
    check_unique,
    convert,
    full_uri,
    read_ruleset_file,
    rule_label,
    ruleset_file,
    ruleset_files,
)
from waivern.rulesets.model.rule import Confidence, FieldNames, Keywords, Pattern, Rule
from waivern.rulesets.model.ruleset import Ruleset
from waivern.rulesets.validators.registry import is_validator
from waivern.severity import Severity

_TERM = re.compile(r"[^\W\d_A-Z]+(?: [^\W\d_A-Z]+)*")


class _RulesetFile(RulesetHeader, frozen=True, forbid_unknown_fields=True, kw_only=True):
    scan_names: bool = False
    show_matches: bool = False
    severities: dict[str, Severity] = msgspec.field(default_factory=dict)
    person_tables: tuple[str, ...] = ()
    contact_tables: tuple[str, ...] = ()
    organisation_tables: tuple[str, ...] = ()
    non_personal_suffixes: tuple[str, ...] = ()
    non_personal_prefixes: tuple[str, ...] = ()
    qualifier_prefixes: tuple[str, ...] = ()


@functools.cache
def load_ruleset(uri: str) -> Ruleset:
    """Return the ruleset "provider/name/1.0.0"; each is read and checked once per process.

    `full_uri` describes which shorter names are accepted.

    Raises:
        RulesetError: There is no such ruleset (the text suggests similar names), or it is invalid (the text names the
            file, rule and field).
    """
    full = full_uri(uri)
    return read_ruleset(ruleset_file(full, classification=False), uri=full) if full == uri else load_ruleset(full)


def available_rulesets() -> list[str]:
    """Return the sorted URIs of all rulesets and classifications, without reading them."""
    return list(ruleset_files().by_uri)


def broken_providers() -> Mapping[str, str]:
    """Return {provider: error} for the packages whose rulesets could not be found."""
    return ruleset_files().broken


def read_ruleset(file: Any, *, uri: str) -> Ruleset:
    """Read one ruleset from a YAML file (a path, or a resource of `importlib.resources`).

    Raises:
        RulesetError: The file is invalid; the text names the file, rule and field.
    """
    content: bytes = file.read_bytes()
    return parsed(content, Ruleset, lambda: _parse(content, where=str(file), uri=uri), uri=uri)


def _parse(content: bytes, *, where: str, uri: str) -> Ruleset:
    document, version = read_ruleset_file(content, _RulesetFile, where=where, uri=uri)
    rules = tuple(
        _rule(raw, where=f"{where}: {rule_label(raw, number)}") for number, raw in enumerate(document.rules, 1)
    )
    check_unique([rule.name for rule in rules], where=where, kind="rule")
    return Ruleset(
        uri=uri,
        rules_version=version,
        rules=rules,
        description=document.description,
        scan_names=document.scan_names,
        show_matches=document.show_matches,
        severities=document.severities,
        person_tables=frozenset(document.person_tables),
        contact_tables=frozenset(document.contact_tables),
        organisation_tables=frozenset(document.organisation_tables),
        non_personal_suffixes=frozenset(document.non_personal_suffixes),
        non_personal_prefixes=frozenset(document.non_personal_prefixes),
        qualifier_prefixes=frozenset(document.qualifier_prefixes),
    )


def _rule(raw: Any, *, where: str) -> Rule:
    rule: Rule = convert(raw, Rule, where=where)
    if rule.integration is not None:
        rule = msgspec.structs.replace(rule, patterns=(*rule.patterns, *integration_patterns(rule.integration)))
    if not (rule.patterns or rule.keywords or rule.field_names != FieldNames()):
        raise RulesetError(
            f"{where}: the rule has no patterns, keywords, integration or field_names, so it cannot match"
        )
    check_unique([pattern.name for pattern in rule.patterns], where=where, kind="pattern")
    for pattern in rule.patterns:
        _check_pattern(pattern, rule, where=f"{where}: patterns: '{pattern.name}'")
    if rule.keywords is not None:
        _check_keywords(rule.keywords, rule, where=f"{where}: keywords")
    _check_terms(rule.context_words, where=f"{where}: context_words")
    _check_terms(rule.negative_context_words, where=f"{where}: negative_context_words")
    for key in FieldNames.__struct_fields__:
        _check_terms(getattr(rule.field_names, key), where=f"{where}: field_names.{key}")
    return rule


def _check_pattern(pattern: Pattern, rule: Rule, *, where: str) -> None:
    needs_context = pattern.confidence.alone is None
    error = validate_regex(pattern.regex, allow_non_ascii=bool(pattern.literals) or needs_context)
    if error is not None:
        raise RulesetError(f"{where}: regex {error}")
    extension = pattern.left_extension
    if extension and (not re.fullmatch(r"\[[^\]^][^\]]*\]", extension) or validate_regex(extension)):
        raise RulesetError(f"{where}: left_extension must be one character class, such as [a-z0-9.]")
    if pattern.validator and not is_validator(pattern.validator):
        raise RulesetError(f"{where}: there is no validator '{pattern.validator}'")
    if pattern.literals and (needs_context or not all(pattern.literals)):
        raise RulesetError(f"{where}: literals need confidence.alone, and must not be empty")
    if pattern.confidence.with_negative_context is not None and (needs_context or not rule.negative_context_words):
        raise RulesetError(
            f"{where}: confidence.with_negative_context needs confidence.alone and the rule's negative_context_words"
        )
    if needs_context:
        _check_context_pattern(pattern, rule, where=where)
    _check_confidence(pattern.confidence, where=where)


def _check_keywords(keywords: Keywords, rule: Rule, *, where: str) -> None:
    if not keywords.terms and not keywords.weak:
        raise RulesetError(f"{where}: there are neither terms nor weak terms")
    if keywords.weak and not rule.context_words:
        raise RulesetError(f"{where}: weak terms need the rule's context_words")
    _check_terms((*keywords.terms, *keywords.weak), where=where)
    for key in ("not_preceded_by", "not_followed_by"):
        neighbours = getattr(keywords, key)
        _check_terms(neighbours, where=f"{where}: {key}")
        for phrase in neighbours:
            if " " in phrase:
                raise RulesetError(f"{where}: {key}: '{phrase}' is more than one word")
    _check_confidence(keywords.confidence, where=where)


def _check_confidence(confidence: Confidence, *, where: str) -> None:
    for key in Confidence.__struct_fields__:
        value = getattr(confidence, key)
        if value is not None and not 0 < value <= 1:
            raise RulesetError(f"{where}: confidence.{key} must be greater than 0 and at most 1")


def _check_context_pattern(pattern: Pattern, rule: Rule, *, where: str) -> None:
    """Check a pattern that counts only with context: it is searched for in windows around context words."""
    if not rule.context_words:
        raise RulesetError(f"{where}: without confidence.alone the rule must have context_words")
    if pattern.left_extension:
        raise RulesetError(f"{where}: left_extension needs confidence.alone")
    if max_match_length(pattern.regex) > MAX_VALUE_LENGTH:
        raise RulesetError(f"{where}: without confidence.alone a match may have at most {MAX_VALUE_LENGTH} characters")


def _check_terms(terms: tuple[str, ...], *, where: str) -> None:
    check_unique(list(terms), where=where, kind="term")
    for term in terms:
        if not _TERM.fullmatch(term):
            raise RulesetError(f"{where}: '{term}' must be lower-case words separated by single spaces")
