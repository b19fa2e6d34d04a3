"""Keywords in prose and in identifiers: "credit check", `credit_check`, `creditCheck`."""

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from operator import itemgetter
from typing import NamedTuple

from waivern.rulesets.detection.field_names import split_words
from waivern.rulesets.engine.pattern_engine import Word
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.model.rule import Keywords, Rule
from waivern.rulesets.model.ruleset import Ruleset

WHOLE_NAME = "it is the whole name"
_PART_OF_IDENTIFIER = "it is part of an identifier"
_REASON = "the keyword '{}'"

_INNER_BOUNDARY = re.compile(r"_|[a-z][A-Z]")
_MAX_NEIGHBOUR_LENGTH = 40
_CACHE_SIZE = 4096
_MAX_ENDING_LENGTH = 3
_REVERSED_PRECEDING_WORD = re.compile(r"[ _./\n-]?([^\W_]+)")
_FOLLOWING_WORD = re.compile(rf"(?:['\u2019]s\b)?[ _./\n-]?([^\W_]{{1,{_MAX_NEIGHBOUR_LENGTH}}})")


class _Spelling(NamedTuple):
    """A spelling of a term, in lower case."""

    text: str
    term: str
    is_weak: bool


class CompiledKeywords(NamedTuple):
    """The keywords of one rule, with their spellings by text.

    `lengths` maps the last `ending_length` letters of spellings to their lengths, the longest first.
    """

    rule: Rule
    alone: float | None
    with_context: float
    spellings: Mapping[str, _Spelling]
    ending_length: int
    lengths: Mapping[str, Sequence[int]]
    not_preceded_by: frozenset[str]
    not_followed_by: frozenset[str]

    def is_excluded(self, text: str, start: int, end: int) -> bool:
        """Return whether a word next to the term from `start` to `end` changes its meaning."""
        return (bool(self.not_preceded_by) and _preceding_word(text, start) in self.not_preceded_by) or (
            bool(self.not_followed_by) and _following_word(text, end) in self.not_followed_by
        )


class KeywordFinder:
    """Finds the keywords of a ruleset, given where the engine found that they may end."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.rules = [number for number, rule in enumerate(ruleset.rules) if rule.keywords is not None]
        self._keywords = [_compile(ruleset.rules[number]) for number in self.rules]

    def search_words(self) -> list[list[Word]]:
        """Return the engine words for each rule in `rules`."""
        return [_search_words(keywords) for keywords in self._keywords]

    def spans(
        self, text: str, ends: Sequence[Sequence[int]], context_reason: Callable[[int, int, int], str | None]
    ) -> Iterator[Span]:
        """Yield non-overlapping keywords with offsets in `text`; the longest keyword wins.

        Args:
            text: The scanned text.
            ends: The ends that the engine found for each rule in `rules`.
            context_reason: Returns for (rule, start, end) why the context supports the rule, or None.
        """
        previous_end = -1
        for start, negative_end, rule, keywords, spelling in sorted(
            self._candidates(text, ends), key=itemgetter(0, 1, 2)
        ):
            end = -negative_end
            if end <= previous_end or keywords.is_excluded(text, start, end):
                continue
            is_in_identifier = not spelling.is_weak and _is_part_of_identifier(text, start, end)
            reason = _PART_OF_IDENTIFIER if is_in_identifier else context_reason(rule, start, end)
            alone = None if spelling.is_weak else keywords.alone
            confidence = alone if reason is None else keywords.with_context
            if confidence is not None:
                previous_end = end
                yield _span(keywords.rule, start, end, spelling.term, confidence, reason)

    def _candidates(
        self, text: str, ends: Sequence[Sequence[int]]
    ) -> Iterator[tuple[int, int, int, CompiledKeywords, _Spelling]]:
        """Yield (start, -end, rule, keywords, spelling): of several with the same start the longest sorts first."""
        for rule, keywords, rule_ends in zip(self.rules, self._keywords, ends, strict=True):
            for end in rule_ends:
                for plural_end in _possible_ends(text, end):
                    spelling = _spelling_at(keywords, text, plural_end)
                    if spelling is not None:
                        yield plural_end - len(spelling.text), -plural_end, rule, keywords, spelling


def _span(rule: Rule, start: int, end: int, term: str, confidence: float, context_reason: str | None) -> Span:
    reason = _REASON.format(term)
    reasons = (reason,) if context_reason is None else (reason, context_reason)
    return Span(start, end, rule.category, rule.name, term, confidence, reasons)


def _possible_ends(text: str, end: int) -> tuple[int, ...]:
    """Return `end`, and the end of the plural with "s" or "es" if one follows."""
    after = text[end : end + 2].lower()
    if after[:1] == "s":
        return end, end + 1
    return (end, end + 2) if after == "es" else (end,)


def _spelling_at(keywords: CompiledKeywords, text: str, end: int) -> _Spelling | None:
    """Return the longest spelling that ends there as a word, or as a part of an identifier."""
    if not _is_word_end(text, end):
        return None
    for length in keywords.lengths.get(text[max(0, end - keywords.ending_length) : end].lower(), ()):
        spelling = keywords.spellings.get(text[end - length : end].lower()) if length <= end else None
        if spelling is not None and _is_word_start(text, end - length):
            return spelling
    return None


def _is_word_start(text: str, start: int) -> bool:
    before = text[start - 1] if start else " "
    return not before.isalnum() or (text[start].isupper() and not before.isupper())


def _is_word_end(text: str, end: int) -> bool:
    after = text[end] if end < len(text) else " "
    return not after.isalnum() or (after.isupper() and text[end - 1].islower()) or after.isdigit()


def _is_part_of_identifier(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    if before == "_" or after == "_" or before.isalnum() or after.isalnum():
        return True
    return _INNER_BOUNDARY.search(text, start, end) is not None


def _preceding_word(text: str, start: int) -> str:
    """Return the word directly before, in the same identifier or phrase: "http" for the client in `httpClient`."""
    match = _REVERSED_PRECEDING_WORD.match(text[max(0, start - _MAX_NEIGHBOUR_LENGTH) : start][::-1])
    return _last_word(match[1][::-1]) if match else ""


def _following_word(text: str, end: int) -> str:
    match = _FOLLOWING_WORD.match(text, end)
    return _first_word(match[1]) if match else ""


@functools.lru_cache(_CACHE_SIZE)
def _last_word(name: str) -> str:
    return next((word for word in reversed(split_words(name)) if word.isalpha()), "")


@functools.lru_cache(_CACHE_SIZE)
def _first_word(name: str) -> str:
    return next((word for word in split_words(name) if word.isalpha()), "")


def _compile(rule: Rule) -> CompiledKeywords:
    keywords: Keywords = rule.keywords  # type: ignore[assignment]  # only called for rules with keywords
    spellings: dict[str, _Spelling] = {}
    for is_weak, terms in ((False, keywords.terms), (True, keywords.weak)):
        for term in terms:
            for text in _spellings(term):
                spellings.setdefault(text, _Spelling(text, term, is_weak))
    ending_length = min(_MAX_ENDING_LENGTH, *map(len, spellings))
    return CompiledKeywords(
        rule,
        keywords.confidence.alone,
        keywords.confidence.with_context,
        spellings,
        ending_length,
        _lengths_by_ending(spellings, ending_length),
        frozenset(keywords.not_preceded_by),
        frozenset(keywords.not_followed_by),
    )


def _lengths_by_ending(spellings: Iterable[str], ending_length: int) -> Mapping[str, Sequence[int]]:
    lengths: dict[str, set[int]] = defaultdict(set)
    for spelling in spellings:
        lengths[spelling[-ending_length:]].add(len(spelling))
    return {ending: sorted(of_ending, reverse=True) for ending, of_ending in lengths.items()}


def _spellings(term: str) -> Iterator[str]:
    """Yield a term and its plural in snake, kebab and camel case, and with dashes between some of its words only."""
    for form in (term, plural(term)):
        words = form.split()
        for separator in ("", "_"):
            yield separator.join(words)
        for separators in product(" -", repeat=len(words) - 1):
            yield "".join(word + separator for word, separator in zip(words, (*separators, ""), strict=True))


def plural(term: str) -> str:
    """Return the regular English plural: "parties", "branches", "users"."""
    if term.endswith("y") and term[-2:-1] not in "aeiou":
        return f"{term[:-1]}ies"
    return f"{term}es" if term.endswith(("s", "x", "ch", "sh")) else f"{term}s"


def _search_words(keywords: CompiledKeywords) -> list[Word]:
    """Return the engine words that find all spellings.

    A spelling that ends with another one, or that is the plural of one, needs no word of its own.
    """
    spellings = keywords.spellings.keys()
    return [
        Word(spelling)
        for spelling in sorted(spellings)
        if not any(shorter in spellings for shorter in _covering_texts(spelling))
    ]


def _covering_texts(spelling: str) -> Iterator[str]:
    """Yield the texts whose search also finds the spelling: its endings, and those of its singular."""
    yield from (spelling[start:] for start in range(1, len(spelling)))
    for plural_ending in ("s", "es"):
        if spelling.endswith(plural_ending):
            singular = spelling.removesuffix(plural_ending)
            yield from (singular[start:] for start in range(len(singular)))
