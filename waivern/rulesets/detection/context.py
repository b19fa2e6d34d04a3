"""Words near a value that say what it is."""

import functools
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from waivern.rulesets.detection.field_names import unaccented, words_of
from waivern.rulesets.engine.pattern_engine import Edges, Word

BEFORE = 60
AFTER = 30
"""Characters before and after a value within which a word that speaks for it has to end."""

LONGEST_VALUE = 100
"""Characters of a value that is looked for near context words only."""

_REMEMBERED = 4096


class ContextPlaces:
    """Where in a text words end that speak for one rule."""

    def __init__(self, ends: Iterable[int]) -> None:
        self._ends = sorted(ends)

    def speak_for(self, start: int, end: int, *, within: tuple[int, int]) -> bool:
        """Say whether a value from `start` to `end` has such a word near by, in the text that lies `within`."""
        first, last = within
        nearest = bisect_left(self._ends, max(first, start - BEFORE))
        return nearest < len(self._ends) and self._ends[nearest] <= min(last, end + AFTER)

    def regions(self, bounds_at: Callable[[int], tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield the stretches, in order and apart from one another, in which values with such a word near by lie.

        None reaches beyond the text that the word stands in: `bounds_at` says for a character where its text begins
        and ends.
        """
        first = last = -1
        for end in self._ends:
            begin, finish = bounds_at(max(end - 1, 0))
            region = max(begin, end - AFTER - LONGEST_VALUE), min(finish, end + BEFORE + LONGEST_VALUE)
            if first >= begin and region[0] <= last:
                last = region[1]
                continue
            if last >= 0:
                yield first, last
            first, last = region
        if last >= 0:
            yield first, last


class WordsNear:
    """Words of one rule that are looked for around a value only: those of doubt, which are about few values.

    Args:
        phrases: Lower-case; found as words of their own or in `snake_case`, in capitals too.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        spelt = sorted({word.text for word in words_looked_for(phrases)}, key=len, reverse=True)
        self._longest = max(map(len, spelt), default=0)
        self._words = re.compile(
            rf"(?<![0-9A-Za-z])(?:{'|'.join(map(re.escape, spelt))})(?![0-9A-Za-z])", re.IGNORECASE
        )

    def stand_near(self, text: str, start: int, end: int) -> bool:
        """Say whether one of them ends near the value from `start` to `end` of `text`; see `BEFORE` and `AFTER`."""
        first, last = start - BEFORE, end + AFTER
        found = self._words.finditer(text, max(0, first - self._longest), last + 1)
        return any(first <= match.end() <= last for match in found)


class ContextWords:
    """The words of context, or of doubt, of each rule, ready to be looked up in a name such as a column's."""

    def __init__(self, phrases: Iterable[Iterable[str]]) -> None:
        self._phrases: dict[str, list[tuple[list[str], int]]] = defaultdict(list)
        for number, of_rule in enumerate(phrases):
            for phrase in of_rule:
                words = unaccented(phrase).split()
                self._phrases[words[0]].append((words, number))
        self.spoken_for = functools.lru_cache(_REMEMBERED)(self._spoken_for)

    def _spoken_for(self, name: str) -> frozenset[int]:
        words = words_of(unaccented(name))
        return frozenset(
            number
            for place, word in enumerate(words)
            for phrase, number in self._phrases.get(word, ())
            if words[place : place + len(phrase)] == phrase
        )


def words_looked_for(phrases: Sequence[str]) -> list[Word]:
    """Return what finds where words and phrases end, as words of their own or in `snake_case`."""
    written = [between.join(phrase.split()) for phrase in phrases for between in _between(phrase)]
    return [Word(each, Edges.WHOLE) for each in (*written, *_with_apostrophes(phrases))]


def _with_apostrophes(phrases: Iterable[str]) -> Iterator[str]:
    """Yield "driver's license" of "drivers license", with either apostrophe."""
    for phrase in phrases:
        if "s " in phrase:
            yield from (phrase.replace("s ", f"{sign}s ", 1) for sign in "'\u2019")


def _between(phrase: str) -> str:
    return " _-" if " " in phrase else " "
