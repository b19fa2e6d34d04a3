"""Hyperscan: all patterns in one pass, whatever their number."""

import re
import threading
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import hyperscan

from waivern.rulesets.engine import Leads, Matched, Wanted

LONGEST_SCAN = 2**32 - 1
"""Bytes that hyperscan can count in one call."""


class HyperscanEngine:
    """See `waivern.rulesets.engine.Engine`."""

    def __init__(self, wanted: Wanted) -> None:
        self._values = len(wanted.values)
        self._words = len(wanted.words)
        self._exact = [re.compile(form.regex.encode()) for form in wanted.values]
        self._leads = Leads(wanted.values)
        self._database = _compiled(wanted)
        self._of_thread = threading.local()

    def scan(self, data: bytes) -> Matched:
        found: list[tuple[int, int, int]] = []
        note = found.append

        def on_match(pattern: int, start: int, end: int, _flags: int, _context: object) -> None:
            note((pattern, start, end))

        self._database.scan(data, match_event_handler=on_match, scratch=self._scratch())
        found.sort()
        return self._sorted_out(data, found)

    def _sorted_out(self, data: bytes, found: list[tuple[int, int, int]]) -> Matched:
        values: list[tuple[int, int, int]] = []
        words: list[list[int]] = [[] for _ in range(self._words)]
        for pattern, hits in groupby(found, key=lambda hit: hit[0]):
            if pattern < self._values:
                values += self._leads.extended(data, self._exactly(data, list(hits), pattern), pattern)
            else:
                words[pattern - self._values] = sorted({end for _, _, end in hits})
        values.sort()
        return Matched(values, words)

    def _exactly(self, data: bytes, hits: list[tuple[int, int, int]], pattern: int) -> Iterator[tuple[int, int]]:
        """Where a stretch of the text was hit in one way, that is the match; else the exact engine says which it is."""
        exact = self._exact[pattern]
        first, reach, ways = hits[0][1], hits[0][2], 1
        for _, start, end in hits[1:]:
            if start < reach:
                reach, ways = max(reach, end), ways + 1
                continue
            yield from _matches(exact, data, first, reach, ways)
            first, reach, ways = start, end, 1
        yield from _matches(exact, data, first, reach, ways)

    def _scratch(self) -> Any:
        """Working memory for one scan at a time, so each thread has its own."""
        if not hasattr(self._of_thread, "scratch"):
            self._of_thread.scratch = hyperscan.Scratch(self._database)
        return self._of_thread.scratch


def _matches(exact: re.Pattern[bytes], data: bytes, first: int, reach: int, ways: int) -> Iterator[tuple[int, int]]:
    if ways == 1:
        yield first, reach
        return
    for match in exact.finditer(data, first, reach + 1):  # one byte more, so that \b sees what follows
        yield match.span()


def _compiled(wanted: Wanted) -> Any:
    """A group's alternatives are expressions of one id: many small ones are compiled sooner than a large one."""
    groups = [
        *(([form.regex], hyperscan.HS_FLAG_SOM_LEFTMOST) for form in wanted.values),
        *((alternatives, 0) for alternatives in wanted.words),
    ]
    expressions = [(regex.encode(), number, flags) for number, (group, flags) in enumerate(groups) for regex in group]
    try:
        return _database(expressions)
    except hyperscan.error as error:
        raise ValueError(_refused(expressions) or f"hyperscan refuses the patterns together: {error}") from error


def _database(expressions: list[tuple[bytes, int, int]]) -> Any:
    regexes, ids, flags = zip(*expressions, strict=True)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=list(regexes), ids=list(ids), flags=list(flags))
    return database


def _refused(expressions: list[tuple[bytes, int, int]]) -> str | None:
    """Name the first pattern that is refused by itself."""
    for expression in expressions:
        try:
            _database([expression])
        except hyperscan.error as error:
            return f"hyperscan refuses the regex {expression[0].decode()}: {error}"
    return None
