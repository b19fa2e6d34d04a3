"""Values that count in context only, looked for near the words that speak for them."""

import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from waivern.rulesets.detection.compiled_pattern import ReadyPattern
from waivern.rulesets.detection.context import ContextPlaces
from waivern.rulesets.engine.batch import END_OF_TEXT, Batch
from waivern.rulesets.engine.pattern_engine import Engine, Wanted
from waivern.rulesets.engine.regex_rules import needs_digit
from waivern.rulesets.engine.spans import Span

Region = tuple[int, int]
_Match = tuple[ReadyPattern, int, int]


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
        for pattern, first, last in (*self._occurring(batch.joined, regions), *self._tried(batch.joined, regions)):
            number, start, end = batch.within_text(first, last)
            if places.speak_for(first, last, within=batch.bounds(number)):
                span = pattern.span(batch.texts[number], start, end, frozenset(), is_near=True)
                if span is not None:
                    yield number, span

    def _occurring(self, text: str, regions: Sequence[Region]) -> Iterator[_Match]:
        """What the engine finds; the text is asked where the character before is in it, or bytes are no characters."""
        if not self._of_ascii:
            return
        parts = [text[max(0, first - 1) : last].encode("utf-8", "replace") for first, last in regions]
        starts = list(accumulate((len(part) + 1 for part in parts), initial=0))
        found = [(bisect_right(starts, each[0]) - 1, each) for each in self._scanned(parts)]
        anew = {(number, pattern) for number, (start, _, pattern) in found if start == starts[number]}
        anew |= {(number, pattern) for number, (_, _, pattern) in found if not parts[number].isascii()}
        for number, (start, end, pattern) in found:
            if (number, pattern) not in anew:
                offset = max(0, regions[number][0] - 1) - starts[number]
                yield self._of_ascii[pattern], start + offset, end + offset
        for number, pattern in anew:
            yield from _matches(self._of_ascii[pattern], text, regions[number])

    def _scanned(self, parts: Sequence[bytes]) -> Sequence[tuple[int, int, int]]:
        return self._engine.scan(END_OF_TEXT.encode().join(parts)).values

    def _tried(self, text: str, regions: Sequence[Region]) -> Iterator[_Match]:
        for region in regions if self._others else ():
            has_digit = _DIGIT.search(text, *region) is not None
            for pattern, wants_digit in self._others:
                if has_digit or not wants_digit:
                    yield from _matches(pattern, text, region)

    @functools.cached_property
    def _engine(self) -> Engine:
        return self._make_engine(Wanted([pattern.form for pattern in self._of_ascii]))


def _matches(pattern: ReadyPattern, text: str, region: Region) -> Iterator[_Match]:
    for match in pattern.regex.finditer(text, *region):
        yield pattern, match.start(), match.end()
