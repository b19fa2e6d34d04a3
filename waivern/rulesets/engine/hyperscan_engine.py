"""The Hyperscan engine: all patterns in one pass, however many there are."""

import functools
import re
import threading
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
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

_Report = tuple[int, int, int]


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
        self._left_extension = LeftExtension(pattern_set.patterns)
        self._thread_local = threading.local()

    def scan(self, data: bytes) -> Matches:
        reports: list[_Report] = []
        append = reports.append

        def on_match(expression: int, start: int, end: int, _flags: int, _context: object) -> None:
            append((expression, start, end))

        self._database.scan(data, match_event_handler=on_match, scratch=self._scratch())
        reports.sort()
        return self._matches(data, reports)

    def _matches(self, data: bytes, reports: list[_Report]) -> Matches:
        patterns: list[tuple[int, int, int]] = []
        word_ends: list[list[int]] = [[] for _ in range(self._group_count)]
        for expression, group_reports in groupby(reports, key=itemgetter(0)):
            if expression < self._pattern_count:
                spans = self._exact_spans(data, group_reports, expression)
                patterns += self._left_extension.extend(data, spans, expression)
            else:
                groups, length, boundary = self._spellings[expression - self._pattern_count]
                mark = 1 if boundary is Boundary.KEY else 0
                ends = filter_by_boundary(data, [end - mark for _, _, end in group_reports], length, boundary)
                for group in groups:
                    word_ends[group] += ends
        patterns.sort()
        return Matches(patterns, [sorted(set(ends)) for ends in word_ends])

    def _exact_spans(self, data: bytes, reports: Iterable[_Report], pattern: int) -> Iterator[tuple[int, int]]:
        prefix = self._prefixes[pattern]
        if prefix is not None:
            ends = (end for _, _, end in reports)
            return _matches_after_prefix(prefix, _compiled_regex(self._regexes[pattern]), data, ends)
        return self._matches_in_reports(data, reports, pattern)

    def _matches_in_reports(self, data: bytes, reports: Iterable[_Report], pattern: int) -> Iterator[tuple[int, int]]:
        """Yield the matches in the parts of the text that reports cover.

        The exact engine decides where matches begin and end. It is not needed for a report with a known start that
        overlaps no other report.
        """
        exact, max_length = _compiled_regex(self._regexes[pattern]), self._max_lengths[pattern]
        knows_start = max_length > MAX_LENGTH_WITHOUT_START
        first, last, count = -1, -1, 0
        for _, start, end in reports:
            begin = start if knows_start else max(0, end - max_length)
            if begin < last:
                last, count = max(last, end), count + 1
                continue
            if knows_start and count == 1:
                yield first, last
            elif count:
                yield from _find_all(exact, data, first, last)
            first, last, count = begin, end, 1
        if knows_start and count == 1:
            yield first, last
        elif count:
            yield from _find_all(exact, data, first, last)

    def _scratch(self) -> Any:
        """Return this thread's scratch space, which serves one scan at a time."""
        if not hasattr(self._thread_local, "scratch"):
            self._thread_local.scratch = hyperscan.Scratch(self._database)
        return self._thread_local.scratch


def _matches_after_prefix(
    prefix: RegexPrefix, exact: re.Pattern[bytes], data: bytes, ends: Iterable[int]
) -> Iterator[tuple[int, int]]:
    """Yield the non-overlapping matches of `exact`, from left to right, given the ends of its prefix."""
    prefix_regex = _compiled_regex(prefix.regex.encode())
    match_end = 0
    for first, last in merged_windows(ends, before=prefix.max_length):
        # one byte more, so that \b sees what follows
        found = prefix_regex.search(data, max(first, match_end), last + 1)
        while found is not None:
            match = exact.match(data, found.start())
            if match is not None:
                yield match.span()
                match_end = match.end()
            found = prefix_regex.search(data, max(found.start() + 1, match_end), last + 1)


def _find_all(exact: re.Pattern[bytes], data: bytes, first: int, last: int) -> Iterator[tuple[int, int]]:
    for match in exact.finditer(data, first, last + 1):  # one byte more, so that \b sees what follows
        yield match.span()


@functools.cache
def _compiled_regex(regex: bytes) -> re.Pattern[bytes]:
    """Compile on first use: a text matches few of the patterns."""
    return re.compile(regex)
