"""RE2: one pass that says which patterns occur, and one more for each that does."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import re2

from waivern.rulesets.engine.pattern_engine import Edges, Leads, Matched, Wanted, Word, with_edges

_NEVER = r"\b\B"


class Re2Engine:
    """See `waivern.rulesets.engine.pattern_engine.Engine`; bytes are read as Latin-1, so that no text is invalid."""

    def __init__(self, wanted: Wanted) -> None:
        regexes = [form.regex for form in wanted.values]
        self._values = range(len(regexes))
        self._leads = Leads(wanted.values)
        try:
            self._exact = [_compiled(regex) for regex in regexes]
            self._layers = [list(_layers(group)) for group in wanted.words]
            self._occurring = _set_of(regexes + ["|".join(map(_regex, group)) or _NEVER for group in wanted.words])
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
            sorted({end for layer in layers for end in layer.ends(data)}) if number in occurring else []
            for number, layers in enumerate(self._layers, len(self._values))
        ]
        return Matched(values, words)


class _Layer(NamedTuple):
    """Words of which none begins as another does."""

    regex: Any
    edges: Edges

    def ends(self, data: bytes) -> Iterator[int]:
        """The ends of matches that overlap too: each begins after the beginning of the one before."""
        match = self.regex.search(data)
        while match is not None:
            yield from with_edges(data, (match.end(),), match.end() - match.start(), self.edges)
            match = self.regex.search(data, match.start() + 1)


def _layers(words: Sequence[Word]) -> Iterator[_Layer]:
    """Part the words so that none begins as another of its layer: of two that begin alike only one is found."""
    of_kind: dict[tuple[Edges, bool], set[bytes]] = defaultdict(set)
    for word in words:
        of_kind[word.edges, word.exact].update(spelt if word.exact else spelt.lower() for spelt in word.spellings())
    for (edges, exact), spellings in of_kind.items():
        for layer in _apart(spellings):
            yield _Layer(_compiled("|".join(_spelt(each, exact=exact) for each in layer)), edges)


def _apart(spellings: Iterable[bytes]) -> list[list[bytes]]:
    layers: list[list[bytes]] = []
    depths: dict[bytes, int] = {}
    for spelt in sorted(spellings):
        shorter = [depths[spelt[:end]] for end in range(1, len(spelt)) if spelt[:end] in depths]
        depth = depths[spelt] = max(shorter, default=-1) + 1
        if depth == len(layers):
            layers.append([])
        layers[depth].append(spelt)
    return layers


def _regex(word: Word) -> str:
    return "|".join(_spelt(spelt, exact=word.exact) for spelt in word.spellings())


def _spelt(spelt: bytes, *, exact: bool) -> str:
    """Only letters of ASCII are found in both cases; to Latin-1 other bytes are letters too."""
    return "".join(_sign(byte, exact=exact) for byte in spelt)


def _sign(byte: int, *, exact: bool) -> str:
    if byte >= 128:
        return f"\\x{byte:02x}"
    sign = chr(byte)
    return re.escape(sign) if exact or not sign.isalpha() else f"[{sign.lower()}{sign.upper()}]"


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
