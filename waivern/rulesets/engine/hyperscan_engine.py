"""The Hyperscan engine: all patterns in one pass, however many there are."""

import re
import threading
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import hyperscan

from waivern.rulesets.engine.pattern_engine import (
    KEY_MARK,
    Boundary,
    LeftExtension,
    Matches,
    PatternSet,
    filter_by_boundary,
)
from waivern.rulesets.engine.regex_prefix import required_prefix
from waivern.rulesets.engine.regex_rules import max_match_length
from waivern.rulesets.engine.spans import merged_windows

_MAX_LENGTH_WITHOUT_START = 256
"""Up to this length of a match the exact engine finds its start: tracking starts costs Hyperscan half its speed."""

_SHORT = 4
"""A word of up to this many bytes is part of many others, so Hyperscan also checks the character before it."""

_Report = tuple[int, int, int]


class _Spelling(NamedTuple):
    """One spelling of a word, and the groups of words that contain it."""

    groups: list[int]
    length: int
    boundary: Boundary


class HyperscanEngine:
    """Implements `waivern.rulesets.engine.pattern_engine.Engine`."""

    def __init__(self, pattern_set: PatternSet) -> None:
        patterns = pattern_set.patterns
        self._pattern_count = len(patterns)
        self._group_count = len(pattern_set.word_groups)
        self._exact = [re.compile(pattern.regex.encode()) for pattern in patterns]
        self._max_lengths = [max_match_length(pattern.regex) for pattern in patterns]
        self._prefixes = [
            _Prefix.of(pattern.regex) if length > _MAX_LENGTH_WITHOUT_START else None
            for pattern, length in zip(patterns, self._max_lengths, strict=True)
        ]
        self._left_extension = LeftExtension(patterns)
        spellings = _spellings(pattern_set)
        self._spellings = list(spellings.values())
        self._database = _compile(
            [*self._pattern_expressions(pattern_set), *_word_expressions(spellings, self._pattern_count)]
        )
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
            return prefix.matches(self._exact[pattern], data, (end for _, _, end in reports))
        return self._matches_in_reports(data, reports, pattern)

    def _matches_in_reports(self, data: bytes, reports: Iterable[_Report], pattern: int) -> Iterator[tuple[int, int]]:
        """Yield the matches in the parts of the text that reports cover.

        The exact engine decides where matches begin and end. It is not needed for a report with a known start that
        overlaps no other report.
        """
        exact, max_length = self._exact[pattern], self._max_lengths[pattern]
        knows_start = max_length > _MAX_LENGTH_WITHOUT_START
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

    def _pattern_expressions(self, pattern_set: PatternSet) -> Iterator[tuple[bytes, int, int]]:
        for number, pattern in enumerate(pattern_set.patterns):
            prefix = self._prefixes[number]
            if prefix is not None:
                yield prefix.regex.pattern, number, 0
            else:
                knows_start = self._max_lengths[number] > _MAX_LENGTH_WITHOUT_START
                yield pattern.regex.encode(), number, hyperscan.HS_FLAG_SOM_LEFTMOST if knows_start else 0

    def _scratch(self) -> Any:
        """Return this thread's scratch space, which serves one scan at a time."""
        if not hasattr(self._thread_local, "scratch"):
            self._thread_local.scratch = hyperscan.Scratch(self._database)
        return self._thread_local.scratch


class _Prefix(NamedTuple):
    """The required prefix of a long pattern. Hyperscan searches for the prefix instead of the pattern."""

    regex: re.Pattern[bytes]
    max_length: int

    @classmethod
    def of(cls, regex: str) -> "_Prefix | None":
        prefix = required_prefix(regex)
        return None if prefix is None else cls(re.compile(prefix.regex.encode()), prefix.max_length)

    def matches(self, exact: re.Pattern[bytes], data: bytes, ends: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Yield the non-overlapping matches of `exact`, from left to right, given the ends of prefixes."""
        match_end = 0
        for first, last in merged_windows(ends, before=self.max_length):
            # one byte more, so that \b sees what follows
            prefix = self.regex.search(data, max(first, match_end), last + 1)
            while prefix is not None:
                match = exact.match(data, prefix.start())
                if match is not None:
                    yield match.span()
                    match_end = match.end()
                prefix = self.regex.search(data, max(prefix.start() + 1, match_end), last + 1)


def _find_all(exact: re.Pattern[bytes], data: bytes, first: int, last: int) -> Iterator[tuple[int, int]]:
    for match in exact.finditer(data, first, last + 1):  # one byte more, so that \b sees what follows
        yield match.span()


_SpellingKey = tuple[bytes, Boundary, bool]


def _spellings(pattern_set: PatternSet) -> dict[_SpellingKey, _Spelling]:
    """Return each distinct spelling once. Compiling is fast because each has its own id."""
    spellings: dict[_SpellingKey, _Spelling] = {}
    for group, words in enumerate(pattern_set.word_groups):
        for word in words:
            for spelling in word.spellings():
                key = (spelling if word.case_sensitive else spelling.lower(), word.boundary, word.case_sensitive)
                groups = spellings.setdefault(key, _Spelling([], len(spelling), word.boundary)).groups
                if group not in groups:
                    groups.append(group)
    return spellings


def _word_expressions(spellings: Iterable[_SpellingKey], first_id: int) -> Iterator[tuple[bytes, int, int]]:
    for number, (spelling, boundary, case_sensitive) in enumerate(spellings, first_id):
        regex = re.escape(spelling)
        if boundary is Boundary.WHOLE_WORD and len(spelling) <= _SHORT and spelling[:1].isalnum():
            regex = rb"(?:\b|_)" + regex
        elif boundary is Boundary.KEY:
            regex = (rb"\b" if spelling[:1].isalnum() else b"") + regex + KEY_MARK
        yield regex, number, 0 if case_sensitive else hyperscan.HS_FLAG_CASELESS


def _compile(expressions: list[tuple[bytes, int, int]]) -> Any:
    try:
        return _database(expressions)
    except hyperscan.error as error:
        raise ValueError(
            _rejected_pattern(expressions) or f"Hyperscan rejects the combined patterns: {error}"
        ) from error


def _database(expressions: list[tuple[bytes, int, int]]) -> Any:
    regexes, ids, flags = zip(*expressions, strict=True)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=list(regexes), ids=list(ids), flags=list(flags))
    return database


def _rejected_pattern(expressions: list[tuple[bytes, int, int]]) -> str | None:
    """Return an error for the first pattern that does not compile alone."""
    for expression in expressions:
        try:
            _database([expression])
        except hyperscan.error as error:
            return f"Hyperscan rejects the regex {expression[0].decode()}: {error}"
    return None
