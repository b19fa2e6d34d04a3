"""Context words: words near a match that raise or lower its confidence."""

import functools
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from waivern.rulesets.detection.field_names import split_words, without_accents
from waivern.rulesets.engine.pattern_engine import Boundary, Word

CHARACTERS_BEFORE = 60
CHARACTERS_AFTER = 30
"""A context word counts if it ends at most this many characters before the start or after the end of a match."""

MAX_VALUE_LENGTH = 100
"""Maximum length of a match of a pattern that counts only with context."""

_CACHE_SIZE = 4096


class ContextMatches:
    """The ends of one rule's context words in a text."""

    def __init__(self, ends: Iterable[int]) -> None:
        self._ends = sorted(ends)

    def supports(self, start: int, end: int, *, within: tuple[int, int]) -> bool:
        """Return whether a context word is near `start` to `end`, inside the bounds `within`."""
        ends, (first, last) = self._ends, within
        earliest, latest = start - CHARACTERS_BEFORE, end + CHARACTERS_AFTER
        nearest = bisect_left(ends, earliest if earliest > first else first)  # noqa: FURB136  called millions of times
        return nearest < len(ends) and ends[nearest] <= (latest if latest < last else last)  # noqa: FURB136

    def windows(self, bounds_at: Callable[[int], tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield the sorted, disjoint windows that contain all values near a context word.

        A window does not extend beyond the text that contains the word: `bounds_at` returns the start and end of the
        text at an offset.
        """
        first = last = -1
        for end in self._ends:
            text_start, text_end = bounds_at(max(end - 1, 0))
            window_start = max(text_start, end - CHARACTERS_AFTER - MAX_VALUE_LENGTH)
            window_end = min(text_end, end + CHARACTERS_BEFORE + MAX_VALUE_LENGTH)
            if first >= text_start and window_start <= last:
                last = window_end
                continue
            if last >= 0:
                yield first, last
            first, last = window_start, window_end
        if last >= 0:
            yield first, last


class NegativeContext:
    """The negative context words of one rule. Few values have any, so they are searched for around a value only.

    Args:
        phrases: Lower-case phrases; matched as whole words or in `snake_case`, ignoring case.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        spellings = sorted({word.text for word in context_search_words(phrases)}, key=len, reverse=True)
        self._max_length = max(map(len, spellings), default=0)
        self._regex = re.compile(
            rf"(?<![0-9A-Za-z])(?:{'|'.join(map(re.escape, spellings))})(?![0-9A-Za-z])", re.IGNORECASE
        )

    def is_near(self, text: str, start: int, end: int) -> bool:
        """Return whether one of the words ends near the value from `start` to `end` of `text`."""
        first, last = start - CHARACTERS_BEFORE, end + CHARACTERS_AFTER
        matches = self._regex.finditer(text, max(0, first - self._max_length), last + 1)
        return any(first <= match.end() <= last for match in matches)


class ContextWordIndex:
    """The context words of all rules, for looking up which rules a name (such as a column's) supports.

    Args:
        phrases: The phrases of each rule, by its index.
    """

    def __init__(self, phrases: Iterable[Iterable[str]]) -> None:
        self._phrases: dict[str, list[tuple[list[str], int]]] = defaultdict(list)
        for rule, rule_phrases in enumerate(phrases):
            for phrase in rule_phrases:
                words = without_accents(phrase).split()
                self._phrases[words[0]].append((words, rule))
        self.rules_in = functools.lru_cache(_CACHE_SIZE)(self._rules_in)

    def _rules_in(self, name: str) -> frozenset[int]:
        """Return the indexes of the rules whose context words `name` contains."""
        words = split_words(without_accents(name))
        return frozenset(
            rule
            for position, word in enumerate(words)
            for phrase, rule in self._phrases.get(word, ())
            if words[position : position + len(phrase)] == phrase
        )


def context_search_words(phrases: Sequence[str]) -> list[Word]:
    """Return the engine words that find phrases as whole words or in `snake_case` and `kebab-case`."""
    spellings = [separator.join(phrase.split()) for phrase in phrases for separator in _separators(phrase)]
    return [Word(spelling, Boundary.WHOLE_WORD) for spelling in (*spellings, *_with_apostrophes(phrases))]


def _with_apostrophes(phrases: Iterable[str]) -> Iterator[str]:
    """Yield "driver's license" for "drivers license", with both kinds of apostrophe."""
    for phrase in phrases:
        if "s " in phrase:
            yield from (phrase.replace("s ", f"{apostrophe}s ", 1) for apostrophe in "'\u2019")


def _separators(phrase: str) -> str:
    return " _-" if " " in phrase else " "
