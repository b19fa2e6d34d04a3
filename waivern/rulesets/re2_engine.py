"""RE2: one pass that says which patterns occur, and one more for each that does."""

from collections.abc import Iterator
from typing import Any

import re2

from waivern.rulesets.engine import Leads, Matched, Wanted

_NEVER = r"\b\B"


class Re2Engine:
    """See `waivern.rulesets.engine.Engine`; bytes are read as Latin-1, so that no text is invalid."""

    def __init__(self, wanted: Wanted) -> None:
        regexes = [form.regex for form in wanted.values]
        regexes += ["|".join(alternatives) or _NEVER for alternatives in wanted.words]
        self._values = range(len(wanted.values))
        self._words = range(len(self._values), len(regexes))
        self._leads = Leads(wanted.values)
        try:
            self._exact = [re2.compile(regex.encode(), _options()) for regex in regexes]
            self._occurring = _set_of(regexes)
        except re2.error as error:
            raise ValueError(f"RE2 refuses a pattern: {error}") from error

    def scan(self, data: bytes) -> Matched:
        occurring = set(self._occurring.Match(data) or ())
        values: list[tuple[int, int, int]] = []
        for pattern in occurring.intersection(self._values):
            spans = (match.span() for match in self._exact[pattern].finditer(data))
            values += self._leads.extended(data, spans, pattern)
        values.sort()
        words = [sorted(self._ends(data, pattern)) if pattern in occurring else [] for pattern in self._words]
        return Matched(values, words)

    def _ends(self, data: bytes, pattern: int) -> Iterator[int]:
        """The ends of matches that overlap too: each begins after the beginning of the one before."""
        seen: set[int] = set()
        match = self._exact[pattern].search(data)
        while match is not None:
            if match.end() not in seen:
                seen.add(match.end())
                yield match.end()
            match = self._exact[pattern].search(data, match.start() + 1)


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = 256 << 20
    return options


def _set_of(regexes: list[str]) -> Any:
    patterns = re2.Set.SearchSet(_options())
    for regex in regexes:
        patterns.Add(regex.encode())
    patterns.Compile()
    return patterns
