"""Values that count in context only, looked for near the words that speak for them."""

import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from waivern.rulesets.batch import END_OF_TEXT, Batch
from waivern.rulesets.context import ContextPlaces
from waivern.rulesets.engine import Engine, Wanted
from waivern.rulesets.ready_pattern import ReadyPattern
from waivern.rulesets.regexes import needs_digit
from waivern.rulesets.spans import Span

Region = tuple[int, int]


_DIGIT = re.compile("[0-9]")


class NearWords:
    """Finds the values of one rule near words.

    Most stretches near words hold no value, so an engine, made when the first of them comes, tells in which of them to
    look for what; with the character before, as what stands there may keep a value from beginning. It reads bytes, so
    patterns with letters beyond ASCII are tried in every stretch, unless they need a digit and there is none.
    """

    def __init__(self, patterns: Sequence[ReadyPattern], make_engine: Callable[[Wanted], Engine]) -> None:
        self._of_ascii = [pattern for pattern in patterns if pattern.form.regex.isascii()]
        self._others = [
            (pattern, needs_digit(pattern.form.regex)) for pattern in patterns if not pattern.form.regex.isascii()
        ]
        self._make_engine = make_engine

    def values(self, batch: Batch, places: ContextPlaces) -> Iterator[tuple[int, Span]]:
        """Yield which text a value stands in, and what it is."""
        regions = list(places.regions(batch.bounds_at))
        for pattern, (first, last) in (*self._occurring(batch.joined, regions), *self._tried(batch.joined, regions)):
            for match in pattern.regex.finditer(batch.joined, first, last):
                number, start, end = batch.within_text(*match.span())
                if places.speak_for(*match.span(), within=batch.bounds(number)):
                    span = pattern.span(batch.texts[number], start, end, frozenset(), is_near=True)
                    if span is not None:
                        yield number, span

    def _occurring(self, text: str, regions: Sequence[Region]) -> Iterator[tuple[ReadyPattern, Region]]:
        if not self._of_ascii:
            return
        parts = [text[max(0, first - 1) : last].encode("utf-8", "replace") for first, last in regions]
        starts = list(accumulate((len(part) + 1 for part in parts), initial=0))
        found = self._engine.scan(END_OF_TEXT.encode().join(parts)).values
        for number, pattern in {(bisect_right(starts, start) - 1, pattern) for start, _, pattern in found}:
            yield self._of_ascii[pattern], regions[number]

    def _tried(self, text: str, regions: Sequence[Region]) -> Iterator[tuple[ReadyPattern, Region]]:
        for first, last in regions if self._others else ():
            has_digit = _DIGIT.search(text, first, last) is not None
            for pattern, wants_digit in self._others:
                if has_digit or not wants_digit:
                    yield pattern, (first, last)

    @functools.cached_property
    def _engine(self) -> Engine:
        return self._make_engine(Wanted([pattern.form for pattern in self._of_ascii]))
