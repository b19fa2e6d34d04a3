"""Patterns that count only with context: they are searched for near context words only."""

import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from waivern.rulesets.detection.compiled_pattern import CompiledPattern
from waivern.rulesets.detection.context import ContextMatches
from waivern.rulesets.engine.batch import END_OF_TEXT, Batch
from waivern.rulesets.engine.pattern_engine import Engine, PatternSet
from waivern.rulesets.engine.regex_rules import needs_digit
from waivern.rulesets.engine.spans import Span

Window = tuple[int, int]
_Match = tuple[CompiledPattern, int, int]

_DIGIT = re.compile("[0-9]")


class ContextPatterns:
    """The patterns of one rule that count only with context.

    Most windows around context words contain no value, so an engine scans all windows at once. It is compiled when the
    rule's first context word is found. Each window includes the character before it, because that character decides
    whether a value may begin there. The engine reads bytes, so patterns with non-ASCII letters are tried in every
    window, except those that need a digit if the window has none.
    """

    def __init__(self, patterns: Sequence[CompiledPattern], make_engine: Callable[[PatternSet], Engine]) -> None:
        self._ascii = [pattern for pattern in patterns if pattern.scan_pattern.regex.isascii()]
        self._non_ascii = [
            (pattern, needs_digit(pattern.scan_pattern.regex))
            for pattern in patterns
            if not pattern.scan_pattern.regex.isascii()
        ]
        self._make_engine = make_engine

    def spans(self, batch: Batch, context: ContextMatches) -> Iterator[tuple[int, Span]]:
        """Yield (index of the text, span) for each value near a context word."""
        text = batch.joined
        windows = list(context.windows(batch.bounds_at))
        for pattern, first, last in (*self._ascii_matches(text, windows), *self._non_ascii_matches(text, windows)):
            index, start, end = batch.locate(first, last)
            if context.supports(first, last, within=batch.bounds(index)):
                span = pattern.span(batch.texts[index], start, end, frozenset(), has_context=True)
                if span is not None:
                    yield index, span

    def _ascii_matches(self, text: str, windows: Sequence[Window]) -> Iterator[_Match]:
        """Yield the engine's matches.

        A window is searched again as text if a match includes the character before it, or if it is not ASCII, so that
        byte offsets are not character offsets.
        """
        if not self._ascii:
            return
        parts = [text[max(0, first - 1) : last].encode("utf-8", "replace") for first, last in windows]
        starts = list(accumulate((len(part) + 1 for part in parts), initial=0))
        matches = [(bisect_right(starts, match[0]) - 1, match) for match in self._scan(parts)]
        rescanned = {(window, pattern) for window, (start, _, pattern) in matches if start == starts[window]}
        non_ascii = {window for window, part in enumerate(parts) if not part.isascii()}
        rescanned |= {(window, pattern) for window, (_, _, pattern) in matches if window in non_ascii}
        for window, (start, end, pattern) in matches:
            if (window, pattern) not in rescanned:
                offset = max(0, windows[window][0] - 1) - starts[window]
                yield self._ascii[pattern], start + offset, end + offset
        for window, pattern in rescanned:
            yield from _find_all(self._ascii[pattern], text, windows[window])

    def _scan(self, parts: Sequence[bytes]) -> Sequence[tuple[int, int, int]]:
        return self._engine.scan(END_OF_TEXT.encode().join(parts)).patterns

    def _non_ascii_matches(self, text: str, windows: Sequence[Window]) -> Iterator[_Match]:
        for window in windows if self._non_ascii else ():
            has_digit = _DIGIT.search(text, *window) is not None
            for pattern, pattern_needs_digit in self._non_ascii:
                if has_digit or not pattern_needs_digit:
                    yield from _find_all(pattern, text, window)

    @functools.cached_property
    def _engine(self) -> Engine:
        return self._make_engine(PatternSet([pattern.scan_pattern for pattern in self._ascii]))


def _find_all(pattern: CompiledPattern, text: str, window: Window) -> Iterator[_Match]:
    for match in pattern.regex.finditer(text, *window):
        yield pattern, match.start(), match.end()
