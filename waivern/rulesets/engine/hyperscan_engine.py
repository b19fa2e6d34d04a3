"""The Hyperscan engine: all patterns in one pass, however many there are."""

import functools
import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import hyperscan

from waivern.rulesets.engine.hyperscan_database import MAX_LENGTH_WITHOUT_START, compiled
from waivern.rulesets.engine.pattern_engine import (
    Boundary,
    LeftExtension,
    Matches,
    PatternSet,
    filter_by_boundary,
)
from waivern.rulesets.engine.regex_prefix import RegexPrefix
from waivern.rulesets.engine.spans import merged_windows


class HyperscanEngine:
    """Implements `waivern.rulesets.engine.pattern_engine.Engine`."""

    def __init__(self, pattern_set: PatternSet) -> None:
        compiled_set, self._database = compiled(pattern_set)
        self._pattern_count = len(pattern_set.patterns)
        self._group_count = len(pattern_set.word_groups)
        self._regexes = [pattern.regex.encode() for pattern in pattern_set.patterns]
        self._max_lengths = compiled_set.max_lengths
        self._prefixes = compiled_set.prefixes
        self._spellings = compiled_set.spellings
        self._reports_start = frozenset(
            number
            for number, (length, prefix) in enumerate(zip(self._max_lengths, self._prefixes, strict=True))
            if length > MAX_LENGTH_WITHOUT_START and prefix is None
        )
        self._left_extension = LeftExtension(pattern_set.patterns)
        self._thread_local = threading.local()

    def scan(self, data: bytes) -> Matches:
        ends: dict[int, list[int]] = defaultdict(list)
        starts: dict[int, list[int]] = defaultdict(list)
        reports_start = self._reports_start

        def on_match(expression: int, _start: int, end: int, _flags: int, _context: object) -> None:
            ends[expression].append(end)

        def on_match_with_start(expression: int, start: int, end: int, _flags: int, _context: object) -> None:
            ends[expression].append(end)
            if expression in reports_start:
                starts[expression].append(start)

        self._database.scan(
            data, match_event_handler=on_match_with_start if reports_start else on_match, scratch=self._scratch()
        )
        return self._matches(data, ends, starts)

    def _matches(self, data: bytes, ends: Mapping[int, list[int]], starts: Mapping[int, list[int]]) -> Matches:
        patterns: list[tuple[int, int, int]] = []
        word_ends: list[list[int]] = [[] for _ in range(self._group_count)]
        for expression, reported in ends.items():
            if expression < self._pattern_count:
                spans = self._exact_spans(data, reported, starts.get(expression), expression)
                patterns += self._left_extension.extend(data, spans, expression)
            else:
                groups, length, boundary = self._spellings[expression - self._pattern_count]
                if boundary is Boundary.KEY:
                    reported = [end - 1 for end in reported]  # without the mark
                matched = filter_by_boundary(data, reported, length, boundary)
                for group in groups:
                    word_ends[group] += matched
        patterns.sort()
        return Matches(patterns, [sorted(set(group_ends)) if group_ends else group_ends for group_ends in word_ends])

    def _exact_spans(
        self, data: bytes, ends: list[int], starts: list[int] | None, pattern: int
    ) -> Iterable[tuple[int, int]]:
        exact, prefix = _compiled_regex(self._regexes[pattern]), self._prefixes[pattern]
        if starts is not None:
            return _matches_of_known_start(exact, data, sorted(zip(starts, ends, strict=True)))
        ends.sort()
        if prefix is not None:
            return _matches_after_prefix(prefix, exact, data, ends)
        return _matches_before(exact, data, ends, self._max_lengths[pattern])

    def _scratch(self) -> Any:
        """Return this thread's scratch space, which serves one scan at a time."""
        if not hasattr(self._thread_local, "scratch"):
            self._thread_local.scratch = hyperscan.Scratch(self._database)
        return self._thread_local.scratch


def _matches_of_known_start(
    exact: re.Pattern[bytes], data: bytes, reports: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the matches in the parts of the text that reports (start, end) cover.

    The exact engine is not needed for a report that overlaps no other one.
    """
    first, last, count = -1, -1, 0
    for start, end in reports:
        if start < last:
            last, count = max(last, end), count + 1
            continue
        if count == 1:
            yield first, last
        elif count:
            yield from _find_all(exact, data, first, last)
        first, last, count = start, end, 1
    if count == 1:
        yield first, last
    elif count:
        yield from _find_all(exact, data, first, last)


def _matches_before(
    exact: re.Pattern[bytes], data: bytes, ends: Iterable[int], max_length: int
) -> list[tuple[int, int]]:
    """Return the matches in the parts of the text that may hold a match with one of the sorted `ends`."""
    spans: list[tuple[int, int]] = []
    first = last = -1
    for end in ends:
        begin = end - max_length if end > max_length else 0
        if begin >= last:
            if last >= 0:  # one byte more, so that \b sees what follows
                spans += [match.span() for match in exact.finditer(data, first, last + 1)]
            first = begin
        last = end
    if last >= 0:
        spans += [match.span() for match in exact.finditer(data, first, last + 1)]
    return spans


def _matches_after_prefix(
    prefix: RegexPrefix, exact: re.Pattern[bytes], data: bytes, ends: Iterable[int]
) -> list[tuple[int, int]]:
    """Return the non-overlapping matches of `exact`, from left to right, given the sorted ends of its prefix."""
    search, match_at = _compiled_regex(prefix.regex.encode()).search, exact.match
    spans: list[tuple[int, int]] = []
    match_end = 0
    for first, last in merged_windows(ends, before=prefix.max_length):
        # one byte more, so that \b sees what follows
        found = search(data, max(match_end, first), last + 1)
        while found is not None:
            start = found.start()
            match = match_at(data, start)
            if match is not None:
                match_end = match.end()
                spans.append((start, match_end))
                start = match_end - 1
            found = search(data, start + 1, last + 1) if start < last else None
    return spans


def _find_all(exact: re.Pattern[bytes], data: bytes, first: int, last: int) -> Iterator[tuple[int, int]]:
    for match in exact.finditer(data, first, last + 1):  # one byte more, so that \b sees what follows
        yield match.span()


@functools.cache
def _compiled_regex(regex: bytes) -> re.Pattern[bytes]:
    """Compile on first use: a text matches few of the patterns."""
    return re.compile(regex)
