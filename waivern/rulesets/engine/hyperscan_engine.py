"""Hyperscan: all patterns in one pass, whatever their number."""

import re
import threading
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import hyperscan

from waivern.rulesets.engine.pattern_engine import KEY_MARK, Edges, Leads, Matched, Wanted, with_edges
from waivern.rulesets.engine.regex_prefix import head_of
from waivern.rulesets.engine.regex_rules import longest_match

LONGEST_SCAN = 2**32 - 1
"""Bytes that hyperscan can count in one call."""

_LONGEST_WITHOUT_START = 256
"""Bytes of a value whose start is found by the exact engine: to keep track of starts costs hyperscan half its speed."""

_SHORT = 4
"""Bytes of a word that is part of so many others that hyperscan looks at what stands before it."""

_Hit = tuple[int, int, int]


class _Spelling(NamedTuple):
    """What an expression that is no value's stands for: a word of these groups."""

    groups: list[int]
    length: int
    edges: Edges


class HyperscanEngine:
    """See `waivern.rulesets.engine.pattern_engine.Engine`."""

    def __init__(self, wanted: Wanted) -> None:
        self._values = len(wanted.values)
        self._groups = len(wanted.words)
        self._exact = [re.compile(form.regex.encode()) for form in wanted.values]
        self._longest = [longest_match(form.regex) for form in wanted.values]
        self._heads = [
            _Beginning.of(form.regex) if longest > _LONGEST_WITHOUT_START else None
            for form, longest in zip(wanted.values, self._longest, strict=True)
        ]
        self._leads = Leads(wanted.values)
        spellings = _spellings(wanted)
        self._spellings = list(spellings.values())
        self._database = _compiled([*self._value_expressions(wanted), *_word_expressions(spellings, self._values)])
        self._of_thread = threading.local()

    def scan(self, data: bytes) -> Matched:
        found: list[_Hit] = []
        note = found.append

        def on_match(pattern: int, start: int, end: int, _flags: int, _context: object) -> None:
            note((pattern, start, end))

        self._database.scan(data, match_event_handler=on_match, scratch=self._scratch())
        found.sort()
        return self._sorted_out(data, found)

    def _sorted_out(self, data: bytes, found: list[_Hit]) -> Matched:
        values: list[tuple[int, int, int]] = []
        words: list[list[int]] = [[] for _ in range(self._groups)]
        for pattern, hits in groupby(found, key=itemgetter(0)):
            if pattern < self._values:
                values += self._leads.extended(data, self._exactly(data, hits, pattern), pattern)
            else:
                groups, length, edges = self._spellings[pattern - self._values]
                behind = 1 if edges is Edges.KEY else 0
                ends = with_edges(data, [end - behind for _, _, end in hits], length, edges)
                for group in groups:
                    words[group] += ends
        values.sort()
        return Matched(values, [sorted(set(ends)) for ends in words])

    def _exactly(self, data: bytes, hits: Iterable[_Hit], pattern: int) -> Iterator[tuple[int, int]]:
        head = self._heads[pattern]
        if head is not None:
            return head.matches(self._exact[pattern], data, (end for _, _, end in hits))
        return self._within_hits(data, hits, pattern)

    def _within_hits(self, data: bytes, hits: Iterable[_Hit], pattern: int) -> Iterator[tuple[int, int]]:
        """Each stretch of the text that holds matches is given to the exact engine, which says which they are.

        Where a start is known and there is one end, that is the match.
        """
        exact, longest = self._exact[pattern], self._longest[pattern]
        knows_start = longest > _LONGEST_WITHOUT_START
        first, reach, ways = -1, -1, 0
        for _, start, end in hits:
            begin = start if knows_start else max(0, end - longest)
            if begin < reach:
                reach, ways = max(reach, end), ways + 1
                continue
            if knows_start and ways == 1:
                yield first, reach
            elif ways:
                yield from _matches(exact, data, first, reach)
            first, reach, ways = begin, end, 1
        if knows_start and ways == 1:
            yield first, reach
        elif ways:
            yield from _matches(exact, data, first, reach)

    def _value_expressions(self, wanted: Wanted) -> Iterator[tuple[bytes, int, int]]:
        for number, form in enumerate(wanted.values):
            head = self._heads[number]
            if head is not None:
                yield head.regex.pattern, number, 0
            else:
                knows_start = self._longest[number] > _LONGEST_WITHOUT_START
                yield form.regex.encode(), number, hyperscan.HS_FLAG_SOM_LEFTMOST if knows_start else 0

    def _scratch(self) -> Any:
        """Working memory for one scan at a time, so each thread has its own."""
        if not hasattr(self._of_thread, "scratch"):
            self._of_thread.scratch = hyperscan.Scratch(self._database)
        return self._of_thread.scratch


class _Beginning(NamedTuple):
    """The beginning of a long value, which is what hyperscan looks for in its stead."""

    regex: re.Pattern[bytes]
    longest: int

    @classmethod
    def of(cls, regex: str) -> "_Beginning | None":
        head = head_of(regex)
        return None if head is None else cls(re.compile(head.regex.encode()), head.longest)

    def matches(self, exact: re.Pattern[bytes], data: bytes, ends: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Yield what `exact` matches, given where beginnings end: one by one from the left, and none over another."""
        behind = 0
        for first, last in self._stretches(ends):
            begun = self.regex.search(data, max(first, behind), last + 1)  # one byte more, so that \b sees what follows
            while begun is not None:
                match = exact.match(data, begun.start())
                if match is not None:
                    yield match.span()
                    behind = match.end()
                begun = self.regex.search(data, max(begun.start() + 1, behind), last + 1)

    def _stretches(self, ends: Iterable[int]) -> Iterator[tuple[int, int]]:
        first, last = 0, -1
        for end in ends:
            begin = max(0, end - self.longest)
            if last < 0:
                first = begin
            elif begin > last:
                yield first, last
                first = begin
            last = end
        if last >= 0:
            yield first, last


def _matches(exact: re.Pattern[bytes], data: bytes, first: int, reach: int) -> Iterator[tuple[int, int]]:
    for match in exact.finditer(data, first, reach + 1):  # one byte more, so that \b sees what follows
        yield match.span()


_Spelt = tuple[bytes, Edges, bool]


def _spellings(wanted: Wanted) -> dict[_Spelt, _Spelling]:
    """Every spelling of a word once; compiling is fast because each has an id of its own."""
    spellings: dict[_Spelt, _Spelling] = {}
    for group, words in enumerate(wanted.words):
        for word in words:
            for spelt in word.spellings():
                key = (spelt if word.exact else spelt.lower(), word.edges, word.exact)
                groups = spellings.setdefault(key, _Spelling([], len(spelt), word.edges)).groups
                if group not in groups:
                    groups.append(group)
    return spellings


def _word_expressions(spellings: Iterable[_Spelt], first: int) -> Iterator[tuple[bytes, int, int]]:
    for number, (spelt, edges, exact) in enumerate(spellings, first):
        regex = re.escape(spelt)
        if edges is Edges.WHOLE and len(spelt) <= _SHORT and spelt[:1].isalnum():
            regex = rb"(?:\b|_)" + regex
        elif edges is Edges.KEY:
            regex = (rb"\b" if spelt[:1].isalnum() else b"") + regex + KEY_MARK
        yield regex, number, 0 if exact else hyperscan.HS_FLAG_CASELESS


def _compiled(expressions: list[tuple[bytes, int, int]]) -> Any:
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
