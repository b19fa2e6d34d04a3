"""Words that say a thing in prose and in names: "credit check", `credit_check`, `creditCheck`."""

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from operator import itemgetter
from typing import NamedTuple

from waivern.rulesets.detection.field_names import words_of
from waivern.rulesets.engine.pattern_engine import Word
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.model.rule import Rule, Words
from waivern.rulesets.model.ruleset import Ruleset

_IN_NAME = re.compile(r"_|[a-z][A-Z]")
_LONGEST_NEIGHBOUR = 40
_REMEMBERED = 4096
_MOST_OF_ENDING = 3
_WORD_BEFORE = re.compile(r"[ _./\n-]?([^\W_]+)")  # of the text backwards
_WORD_AFTER = re.compile(rf"(?:['\u2019]s\b)?[ _./\n-]?([^\W_]{{1,{_LONGEST_NEIGHBOUR}}})")
_REASON = "the word '{}'"
_PART_OF_NAME = "it is part of a name"
WHOLE_NAME = "it is the whole name"


class _Form(NamedTuple):
    """A writing of a term, lower-case."""

    text: str
    term: str
    is_weak: bool


class _ReadyWords(NamedTuple):
    """A rule's words with all that a hit needs made ready: its forms by their texts.

    `lengths` says for the last letters of forms, of which there are `ending`, how long these are, the longest first.
    """

    rule: Rule
    alone: float | None
    in_context: float
    forms: Mapping[str, _Form]
    ending: int
    lengths: Mapping[str, Sequence[int]]
    not_after: frozenset[str]
    not_before: frozenset[str]

    def mean_another_thing(self, text: str, start: int, end: int) -> bool:
        """Say whether the word beside a term from `start` to `end` takes its meaning away."""
        return (bool(self.not_after) and _word_before(text, start) in self.not_after) or (
            bool(self.not_before) and _word_after(text, end) in self.not_before
        )


class WordFinder:
    """Finds the words of a ruleset where the engine says that one may end."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.rules = [number for number, rule in enumerate(ruleset.rules) if rule.words is not None]
        self._words = [_ready(ruleset.rules[number]) for number in self.rules]

    def looked_for(self) -> list[list[Word]]:
        """Return for each rule of `rules` what finds where its words may end."""
        return [_looked_for(words) for words in self._words]

    def spans(
        self, text: str, ends: Sequence[Sequence[int]], speaks: Callable[[int, int, int], str | None]
    ) -> Iterator[Span]:
        """Yield what is found, with offsets in `text`; no word that is part of a longer one that is found.

        Args:
            text: In which the engine found the ends.
            ends: Of each rule of `rules`.
            speaks: Says of (rule, start, end) what around it speaks for the rule, if anything does.
        """
        reach = -1
        for start, last, number, words, form in sorted(self._places(text, ends), key=itemgetter(0, 1, 2)):
            end = -last
            if end <= reach or words.mean_another_thing(text, start, end):
                continue
            is_named = not form.is_weak and _is_part_of_name(text, start, end)
            why = _PART_OF_NAME if is_named else speaks(number, start, end)
            alone = None if form.is_weak else words.alone
            confidence = alone if why is None else words.in_context
            if confidence is not None:
                reach = end
                yield _span(words.rule, start, end, form.term, confidence, why)

    def _places(self, text: str, ends: Sequence[Sequence[int]]) -> Iterator[tuple[int, int, int, _ReadyWords, _Form]]:
        """Yield (start, -end, rule, ...): sorted, the longer of two that begin alike comes first."""
        for number, words, of_rule in zip(self.rules, self._words, ends, strict=True):
            for end in of_rule:
                for last in _ends_of_plural(text, end):
                    form = _form_at(words, text, last)
                    if form is not None:
                        yield last - len(form.text), -last, number, words, form


def _span(rule: Rule, start: int, end: int, term: str, confidence: float, why: str | None) -> Span:
    reason = _REASON.format(term)
    reasons = (reason,) if why is None else (reason, why)
    return Span(start, end, rule.category, rule.name, term, confidence, reasons)


def _ends_of_plural(text: str, end: int) -> tuple[int, ...]:
    """Where a word ends whose singular does at `end`: there, and behind "s" or "es"."""
    after = text[end : end + 2].lower()
    if after[:1] == "s":
        return end, end + 1
    return (end, end + 2) if after == "es" else (end,)


def _form_at(words: _ReadyWords, text: str, end: int) -> _Form | None:
    """The longest form that ends there as a word, or as a part of a name in snake or camel case."""
    if not _ends_there(text, end):
        return None
    for length in words.lengths.get(text[max(0, end - words.ending) : end].lower(), ()):
        form = words.forms.get(text[end - length : end].lower()) if length <= end else None
        if form is not None and _begins_there(text, end - length):
            return form
    return None


def _begins_there(text: str, start: int) -> bool:
    before = text[start - 1] if start else " "
    return not before.isalnum() or (text[start].isupper() and not before.isupper())


def _ends_there(text: str, end: int) -> bool:
    after = text[end] if end < len(text) else " "
    return not after.isalnum() or (after.isupper() and text[end - 1].islower()) or after.isdigit()


def _is_part_of_name(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    return (
        before == "_" or after == "_" or before.isalnum() or after.isalnum() or bool(_IN_NAME.search(text, start, end))
    )


def _word_before(text: str, start: int) -> str:
    """The word directly before, in the same name or phrase: "http" before the client of `httpClient`."""
    before = _WORD_BEFORE.match(text[max(0, start - _LONGEST_NEIGHBOUR) : start][::-1])
    return _last_word(before[1][::-1]) if before else ""


def _word_after(text: str, end: int) -> str:
    after = _WORD_AFTER.match(text, end)
    return _first_word(after[1]) if after else ""


@functools.lru_cache(_REMEMBERED)
def _last_word(name: str) -> str:
    return next((word for word in reversed(words_of(name)) if word.isalpha()), "")


@functools.lru_cache(_REMEMBERED)
def _first_word(name: str) -> str:
    return next((word for word in words_of(name) if word.isalpha()), "")


def _ready(rule: Rule) -> _ReadyWords:
    words: Words = rule.words  # type: ignore[assignment]  # only rules with words come here
    forms: dict[str, _Form] = {}
    for is_weak, terms in ((False, words.terms), (True, words.weak)):
        for term in terms:
            for text in _writings(term):
                forms.setdefault(text, _Form(text, term, is_weak))
    ending = min(_MOST_OF_ENDING, *map(len, forms))
    return _ReadyWords(
        rule,
        words.confidence.alone,
        words.confidence.in_context,
        forms,
        ending,
        _lengths_by_ending(forms, ending),
        frozenset(words.not_after),
        frozenset(words.not_before),
    )


def _lengths_by_ending(forms: Iterable[str], ending: int) -> Mapping[str, Sequence[int]]:
    lengths: dict[str, set[int]] = defaultdict(set)
    for form in forms:
        lengths[form[-ending:]].add(len(form))
    return {last: sorted(of_last, reverse=True) for last, of_last in lengths.items()}


def _writings(term: str) -> Iterator[str]:
    """Yield "credit card check" in snake, kebab and camel case, and with dashes between some of its words only."""
    for form in (term, plural(term)):
        words = form.split()
        for between in ("", "_"):
            yield between.join(words)
        for gaps in product(" -", repeat=len(words) - 1):
            yield "".join(word + gap for word, gap in zip(words, (*gaps, ""), strict=True))


def plural(term: str) -> str:
    """Return the plural as English makes it, near enough: "parties", "branches", "users"."""
    if term.endswith("y") and term[-2:-1] not in "aeiou":
        return f"{term[:-1]}ies"
    return f"{term}es" if term.endswith(("s", "x", "ch", "sh")) else f"{term}s"


def _looked_for(words: _ReadyWords) -> list[Word]:
    """What finds the ends of forms: one that ends with another, or is another with "s" or "es", is found by that."""
    forms = words.forms.keys()
    return [Word(form) for form in sorted(forms) if not any(shorter in forms for shorter in _found_with(form))]


def _found_with(form: str) -> Iterator[str]:
    """The endings of a form, and what it is the plural of."""
    yield from (form[start:] for start in range(1, len(form)))
    for plural_ending in ("s", "es"):
        if form.endswith(plural_ending):
            singular = form.removesuffix(plural_ending)
            yield from (singular[start:] for start in range(len(singular)))
