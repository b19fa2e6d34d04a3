"""Reading and checking rulesets; where their files are is told in `files`."""

import functools
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from waivern.errors import RulesetError
from waivern.rulesets.detection.context import LONGEST_VALUE
from waivern.rulesets.engine.regex_rules import fault_of, longest_match
from waivern.rulesets.loading.integrations import patterns_of
from waivern.rulesets.loading.ruleset_files import (
    RulesetHead,
    called,
    check_unique,
    converted,
    file_of,
    full_uri,
    read_head,
    ruleset_files,
)
from waivern.rulesets.model.rule import Confidence, FieldNames, Rule, Severity, ValuePattern, Words
from waivern.rulesets.model.ruleset import Ruleset
from waivern.rulesets.validators.registry import is_validator

_TERM = re.compile(r"[^\W\d_A-Z]+(?: [^\W\d_A-Z]+)*")


class _RulesetFile(RulesetHead, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reads_names: bool = False
    shows_matches: bool = False
    severities: dict[str, Severity] = msgspec.field(default_factory=dict)
    person_tables: tuple[str, ...] = ()
    contact_tables: tuple[str, ...] = ()
    firm_tables: tuple[str, ...] = ()
    other_things: tuple[str, ...] = ()
    other_owners: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


@functools.cache
def load_ruleset(uri: str) -> Ruleset:
    """Return the ruleset "provider/name/1.0.0", read and checked once in a process; see `full_uri` for shorter names.

    Raises:
        RulesetError: nobody provides it (the text names what is near), or it does not say what it must (the text
            names file, rule and field).
    """
    full = full_uri(uri)
    return read_ruleset(file_of(full, classification=False), uri=full) if full == uri else load_ruleset(full)


def available_rulesets() -> list[str]:
    """Return the URIs of all rulesets and classifications, sorted; none of them is read."""
    return list(ruleset_files().by_uri)


def broken_providers() -> Mapping[str, str]:
    """Return {provider: why its rulesets cannot be found} for the packages that could not be imported."""
    return ruleset_files().broken


def read_ruleset(file: Any, *, uri: str) -> Ruleset:
    """Read one ruleset from a YAML file (a path, or what `importlib.resources` gives).

    Raises:
        RulesetError: it does not say what it must; the text names file, rule and field.
    """
    document, version = read_head(file, _RulesetFile, uri=uri)
    rules = tuple(_rule(raw, where=f"{file}: {called(raw, number)}") for number, raw in enumerate(document.rules, 1))
    check_unique([rule.name for rule in rules], where=str(file), what="rule")
    return Ruleset(
        uri=uri,
        rules_version=version,
        rules=rules,
        description=document.description,
        reads_names=document.reads_names,
        shows_matches=document.shows_matches,
        severities=document.severities,
        person_tables=frozenset(document.person_tables),
        contact_tables=frozenset(document.contact_tables),
        firm_tables=frozenset(document.firm_tables),
        other_things=frozenset(document.other_things),
        other_owners=frozenset(document.other_owners),
        limits=frozenset(document.limits),
    )


def _rule(raw: Any, *, where: str) -> Rule:
    rule: Rule = converted(raw, Rule, where=where)
    if rule.uses is not None:
        rule = msgspec.structs.replace(rule, values=(*rule.values, *patterns_of(rule.uses)))
    if not (rule.values or rule.words or rule.field_names != FieldNames()):
        raise RulesetError(f"{where}: it has neither values, words, uses nor field_names, so it finds nothing")
    check_unique([pattern.name for pattern in rule.values], where=where, what="value pattern")
    for pattern in rule.values:
        _check_pattern(pattern, rule, where=f"{where}: values: '{pattern.name}'")
    if rule.words is not None:
        _check_words(rule.words, rule, where=f"{where}: words")
    _check_terms(rule.context, where=f"{where}: context")
    _check_terms(rule.doubt, where=f"{where}: doubt")
    for kind in ("strong", "weak", "of_columns", "of_person_tables"):
        _check_terms(getattr(rule.field_names, kind), where=f"{where}: field_names.{kind}")
    return rule


def _check_pattern(pattern: ValuePattern, rule: Rule, *, where: str) -> None:
    is_tried_on_text = bool(pattern.literals) or pattern.confidence.alone is None
    fault = fault_of(pattern.regex, beyond_ascii=is_tried_on_text)
    if fault is not None:
        raise RulesetError(f"{where}: regex {fault}")
    if pattern.lead and (not re.fullmatch(r"\[[^\]^][^\]]*\]", pattern.lead) or fault_of(pattern.lead)):
        raise RulesetError(f"{where}: lead is not one character class, such as [a-z0-9.]")
    if pattern.validator and not is_validator(pattern.validator):
        raise RulesetError(f"{where}: there is no validator '{pattern.validator}'")
    if pattern.literals and (pattern.confidence.alone is None or not all(pattern.literals)):
        raise RulesetError(f"{where}: literals are for patterns with confidence.alone, and none is empty")
    if pattern.confidence.in_doubt is not None and (pattern.confidence.alone is None or not rule.doubt):
        raise RulesetError(f"{where}: confidence.in_doubt is for patterns with confidence.alone of rules with doubt")
    if pattern.confidence.alone is None:
        _check_pattern_in_context(pattern, rule, where=where)
    _check_confidence(pattern.confidence, where=where)


def _check_words(words: Words, rule: Rule, *, where: str) -> None:
    if not words.terms and not words.weak:
        raise RulesetError(f"{where}: there is neither a term nor a weak one")
    if words.weak and not rule.context:
        raise RulesetError(f"{where}: for weak terms the rule must name its context")
    _check_terms((*words.terms, *words.weak), where=where)
    for key in ("not_after", "not_before"):
        neighbours = getattr(words, key)
        _check_terms(neighbours, where=f"{where}: {key}")
        for phrase in neighbours:
            if " " in phrase:
                raise RulesetError(f"{where}: {key}: '{phrase}' is more than one word")
    _check_confidence(words.confidence, where=where)


def _check_confidence(confidence: Confidence, *, where: str) -> None:
    for each in (confidence.alone, confidence.in_context, confidence.in_doubt):
        if each is not None and not 0 < each <= 1:
            raise RulesetError(f"{where}: a confidence is more than 0 and at most 1")


def _check_pattern_in_context(pattern: ValuePattern, rule: Rule, *, where: str) -> None:
    """A value that counts in context only is looked for near words, a stretch at a time."""
    if not rule.context:
        raise RulesetError(f"{where}: without confidence.alone the rule must name its context")
    if pattern.lead:
        raise RulesetError(f"{where}: lead is for patterns with confidence.alone")
    if longest_match(pattern.regex) > LONGEST_VALUE:
        raise RulesetError(f"{where}: without confidence.alone a value has at most {LONGEST_VALUE} characters")


def _check_terms(terms: tuple[str, ...], *, where: str) -> None:
    check_unique(list(terms), where=where, what="term")
    for term in terms:
        if not _TERM.fullmatch(term):
            raise RulesetError(f"{where}: '{term}' is not one or more lower-case words with one blank between")
