"""RE2: one pass that says which patterns occur, and one more for each that does."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import re2

from waivern.rulesets.engine import Leads, Matched, Wanted

_NEVER = r"\b\B"
_OF_NO_SIGN = re.compile(r"\(\?i\)|\\b|[^A-Za-z0-9\\]")
"""What of a word's regex stands for none of its letters and digits."""


class Re2Engine:
    """See `waivern.rulesets.engine.Engine`; bytes are read as Latin-1, so that no text is invalid."""

    def __init__(self, wanted: Wanted) -> None:
        regexes = [form.regex for form in wanted.values]
        self._values = range(len(regexes))
        self._leads = Leads(wanted.values)
        try:
            self._exact = [_compiled(regex) for regex in regexes]
            self._layers = [[_compiled("|".join(layer)) for layer in _layers(group)] for group in wanted.words]
            self._occurring = _set_of(regexes + ["|".join(group) or _NEVER for group in wanted.words])
        except re2.error as error:
            raise ValueError(f"RE2 refuses a pattern: {error}") from error

    def scan(self, data: bytes) -> Matched:
        occurring = set(self._occurring.Match(data) or ())
        values: list[tuple[int, int, int]] = []
        for pattern in occurring.intersection(self._values):
            spans = (match.span() for match in self._exact[pattern].finditer(data))
            values += self._leads.extended(data, spans, pattern)
        values.sort()
        words = [
            sorted({end for layer in layers for end in _ends(data, layer)}) if number in occurring else []
            for number, layers in enumerate(self._layers, len(self._values))
        ]
        return Matched(values, words)


def _ends(data: bytes, layer: Any) -> Iterator[int]:
    """The ends of matches that overlap too: each begins after the beginning of the one before."""
    match = layer.search(data)
    while match is not None:
        yield match.end()
        match = layer.search(data, match.start() + 1)


def _layers(alternatives: Sequence[str]) -> list[list[str]]:
    """Part the alternatives so that none begins as another of its layer: of two that begin alike only one is found."""
    layers: list[list[str]] = []
    depths: dict[str, int] = {}
    for signs, alternative in sorted((_OF_NO_SIGN.sub("", each), each) for each in alternatives):
        shorter = [depths[signs[:end]] for end in range(1, len(signs) + 1) if signs[:end] in depths]
        depth = depths[signs] = max(shorter, default=-1) + 1
        if depth == len(layers):
            layers.append([])
        layers[depth].append(alternative)
    return layers


def _compiled(regex: str) -> Any:
    return re2.compile(regex.encode(), _options())


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
