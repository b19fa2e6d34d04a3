"""Finding, reading and checking rulesets.

A shipped ruleset is `content/<name>/<version>.yaml`, its provider is `local`. Others come from installed packages:
an entry point of the group `waivern.rulesets` has the provider's name and leads to a package (or the path of a
folder) laid out as `content/` is.
"""

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import yaml

from waivern.discovery import discover
from waivern.errors import RulesetError, did_you_mean
from waivern.rulesets.context import LONGEST_VALUE
from waivern.rulesets.integrations import patterns_of
from waivern.rulesets.regexes import fault_of, longest_match
from waivern.rulesets.rule import Confidence, Rule, Severity, ValuePattern, Words
from waivern.rulesets.ruleset import Ruleset
from waivern.rulesets.validators import is_validator

ENTRY_POINT_GROUP = "waivern.rulesets"
LOCAL = "local"

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_TERM = re.compile(r"[^\W\d_A-Z]+(?: [^\W\d_A-Z]+)*")
_MOST_BYTES = 4_000_000


class _RulesetFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    version: str
    rules: tuple[Any, ...]
    description: str = ""
    reads_names: bool = False
    shows_matches: bool = False
    severities: dict[str, Severity] = msgspec.field(default_factory=dict)
    person_tables: tuple[str, ...] = ()
    other_things: tuple[str, ...] = ()
    other_owners: tuple[str, ...] = ()


@functools.cache
def load_ruleset(uri: str) -> Ruleset:
    """Return the ruleset "provider/name/1.0.0", read and checked once in a process.

    Raises:
        RulesetError: nobody provides it (the text names what is near), or it does not say what it must (the text
            names file, rule and field).
    """
    files, _ = _files()
    if uri not in files:
        raise RulesetError(
            f"There is no ruleset '{uri}'",
            remedy=" ".join(filter(None, (did_you_mean(uri, files), f"Known: {', '.join(files) or 'none'}"))),
        )
    return read_ruleset(files[uri], uri=uri)


def available_rulesets() -> list[str]:
    """Return the URIs of all rulesets that can be loaded, sorted; none of them is read."""
    return list(_files()[0])


def broken_providers() -> Mapping[str, str]:
    """Return {provider: why its rulesets cannot be found} for the packages that could not be imported."""
    return _files()[1]


def read_ruleset(file: Any, *, uri: str) -> Ruleset:
    """Read one ruleset from a YAML file (a path, or what `importlib.resources` gives).

    Raises:
        RulesetError: it does not say what it must; the text names file, rule and field.
    """
    content = file.read_bytes()
    document = _converted(_parsed(content, str(file)), _RulesetFile, where=str(file))
    if not uri.endswith(f"/{document.name}/{document.version}"):
        raise RulesetError(f"{file}: the ruleset calls itself {document.name}/{document.version}, it is kept as {uri}")
    rules = tuple(_rule(raw, where=f"{file}: {_called(raw, number)}") for number, raw in enumerate(document.rules, 1))
    _check_unique([rule.name for rule in rules], where=str(file), what="rule")
    return Ruleset(
        uri=uri,
        rules_version=f"{document.version}+{hashlib.sha256(content).hexdigest()[:12]}",
        rules=rules,
        description=document.description,
        reads_names=document.reads_names,
        shows_matches=document.shows_matches,
        severities=document.severities,
        person_tables=frozenset(document.person_tables),
        other_things=frozenset(document.other_things),
        other_owners=frozenset(document.other_owners),
    )


@functools.cache
def _files() -> tuple[dict[str, Any], Mapping[str, str]]:
    found = dict(_in_folder(LOCAL, resources.files("waivern.rulesets") / "content"))
    offered = discover(ENTRY_POINT_GROUP)
    broken = dict(offered.broken)
    for provider, place in offered.loaded.items():
        if provider == LOCAL:
            broken[provider] = f"the name '{LOCAL}' is kept for the rulesets that Waivern ships"
            continue
        try:
            found.update(
                _in_folder(provider, Path(place) if isinstance(place, (str, Path)) else resources.files(place))
            )
        except Exception as error:  # noqa: BLE001  what a plug-in offers may be anything
            broken[provider] = f"{type(error).__name__}: {error}"
    return dict(sorted(found.items())), broken


def _in_folder(provider: str, folder: Any) -> Iterator[tuple[str, Any]]:
    for by_name in folder.iterdir():
        if not by_name.is_dir():
            continue
        for file in by_name.iterdir():
            version = file.name.removesuffix(".yaml")
            if file.name.endswith(".yaml") and _VERSION.fullmatch(version):
                yield f"{provider}/{by_name.name}/{version}", file


def _parsed(content: bytes, where: str) -> Any:
    if len(content) > _MOST_BYTES:
        raise RulesetError(f"{where}: the file is larger than {_MOST_BYTES // 1_000_000} MB")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, Loader=_Loader)):
            raise RulesetError(f"{where}: a ruleset has no YAML aliases")
        return yaml.load(content, Loader=_Loader)  # noqa: S506  a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise RulesetError(f"{where}: {str(error).replace(chr(10), ' ')}") from error


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _converted(raw: Any, shape: Any, *, where: str) -> Any:
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise RulesetError(f"{where}: {error}") from error


def _called(raw: Any, number: int) -> str:
    name = raw.get("name") if isinstance(raw, dict) else None
    return f"rule '{name}'" if isinstance(name, str) else f"rule number {number}"


def _rule(raw: Any, *, where: str) -> Rule:
    rule: Rule = _converted(raw, Rule, where=where)
    if rule.uses is not None:
        rule = msgspec.structs.replace(rule, values=(*rule.values, *patterns_of(rule.uses)))
    if not (rule.values or rule.words or rule.field_names.strong or rule.field_names.weak):
        raise RulesetError(f"{where}: it has neither values, words, uses nor field_names, so it finds nothing")
    _check_unique([pattern.name for pattern in rule.values], where=where, what="value pattern")
    for pattern in rule.values:
        _check_pattern(pattern, rule, where=f"{where}: values: '{pattern.name}'")
    if rule.words is not None:
        _check_words(rule.words, rule, where=f"{where}: words")
    _check_terms(rule.context, where=f"{where}: context")
    _check_terms(rule.field_names.strong, where=f"{where}: field_names.strong")
    _check_terms(rule.field_names.weak, where=f"{where}: field_names.weak")
    return rule


def _check_pattern(pattern: ValuePattern, rule: Rule, *, where: str) -> None:
    fault = fault_of(pattern.regex)
    if fault is not None:
        raise RulesetError(f"{where}: regex {fault}")
    if pattern.lead and (not re.fullmatch(r"\[[^\]^][^\]]*\]", pattern.lead) or fault_of(pattern.lead)):
        raise RulesetError(f"{where}: lead is not one character class, such as [a-z0-9.]")
    if pattern.validator and not is_validator(pattern.validator):
        raise RulesetError(f"{where}: there is no validator '{pattern.validator}'")
    if pattern.literals and (pattern.confidence.alone is None or not all(pattern.literals)):
        raise RulesetError(f"{where}: literals are for patterns with confidence.alone, and none is empty")
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
    for each in (confidence.alone, confidence.in_context):
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
    _check_unique(list(terms), where=where, what="term")
    for term in terms:
        if not _TERM.fullmatch(term):
            raise RulesetError(f"{where}: '{term}' is not one or more lower-case words with one blank between")


def _check_unique(names: list[str], *, where: str, what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RulesetError(f"{where}: the {what} '{twice[0]}' stands there twice")
