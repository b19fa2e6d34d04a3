"""The RE2 engine: one pass to find which patterns occur, and one more pass for each that does."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import re2

from waivern.rulesets.engine.pattern_engine import (
    Boundary,
    LeftExtension,
    Matches,
    PatternSet,
    Word,
    filter_by_boundary,
)

_NEVER = r"\b\B"


class Re2Engine:
    """Implements `waivern.rulesets.engine.pattern_engine.Engine`. Bytes are read as Latin-1, which is always valid."""

    def __init__(self, pattern_set: PatternSet) -> None:
        regexes = [pattern.regex for pattern in pattern_set.patterns]
        self._pattern_indexes = range(len(regexes))
        self._left_extension = LeftExtension(pattern_set.patterns)
        groups = pattern_set.word_groups
        try:
            self._exact = [_compile(regex) for regex in regexes]
            self._layers = [list(_layers(group)) for group in groups]
            self._occurring = _compile_set(regexes + ["|".join(map(_word_regex, group)) or _NEVER for group in groups])
        except re2.error as error:
            raise ValueError(f"RE2 rejects a pattern: {error}") from error

    def scan(self, data: bytes) -> Matches:
        occurring = set(self._occurring.Match(data) or ())
        patterns: list[tuple[int, int, int]] = []
        for pattern in occurring.intersection(self._pattern_indexes):
            spans = (match.span() for match in self._exact[pattern].finditer(data))
            patterns += self._left_extension.extend(data, spans, pattern)
        patterns.sort()
        word_ends = [
            sorted({end for layer in layers for end in layer.ends(data)}) if number in occurring else []
            for number, layers in enumerate(self._layers, len(self._pattern_indexes))
        ]
        return Matches(patterns, word_ends)


class _Layer(NamedTuple):
    """Words of which none is a prefix of another."""

    regex: Any
    boundary: Boundary

    def ends(self, data: bytes) -> Iterator[int]:
        """Yield the ends of all matches, including overlapping ones."""
        match = self.regex.search(data)
        while match is not None:
            yield from filter_by_boundary(data, (match.end(),), match.end() - match.start(), self.boundary)
            match = self.regex.search(data, match.start() + 1)


def _layers(words: Sequence[Word]) -> Iterator[_Layer]:
    """Split words into layers without common prefixes, because RE2 finds only one of two words with the same start."""
    by_kind: dict[tuple[Boundary, bool], set[bytes]] = defaultdict(set)
    for word in words:
        by_kind[word.boundary, word.case_sensitive].update(
            spelling if word.case_sensitive else spelling.lower() for spelling in word.spellings()
        )
    for (boundary, case_sensitive), spellings in by_kind.items():
        for layer in _without_prefixes(spellings):
            regexes = [_spelling_regex(spelling, case_sensitive=case_sensitive) for spelling in layer]
            yield _Layer(_compile("|".join(regexes)), boundary)


def _without_prefixes(spellings: Iterable[bytes]) -> list[list[bytes]]:
    layers: list[list[bytes]] = []
    depths: dict[bytes, int] = {}
    for spelling in sorted(spellings):
        prefix_depths = [depths[spelling[:end]] for end in range(1, len(spelling)) if spelling[:end] in depths]
        depth = depths[spelling] = max(prefix_depths, default=-1) + 1
        if depth == len(layers):
            layers.append([])
        layers[depth].append(spelling)
    return layers


def _word_regex(word: Word) -> str:
    return "|".join(_spelling_regex(spelling, case_sensitive=word.case_sensitive) for spelling in word.spellings())


def _spelling_regex(spelling: bytes, *, case_sensitive: bool) -> str:
    """Match ASCII letters in both cases only; in Latin-1 other bytes would be letters too."""
    return "".join(_byte_regex(byte, case_sensitive=case_sensitive) for byte in spelling)


def _byte_regex(byte: int, *, case_sensitive: bool) -> str:
    if byte >= 128:
        return f"\\x{byte:02x}"
    character = chr(byte)
    if case_sensitive or not character.isalpha():
        return re.escape(character)
    return f"[{character.lower()}{character.upper()}]"


def _compile(regex: str) -> Any:
    return re2.compile(regex.encode(), _options())


def _compile_set(regexes: list[str]) -> Any:
    patterns = re2.Set.SearchSet(_options())
    for regex in regexes:
        patterns.Add(regex.encode())
    patterns.Compile()
    return patterns


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = 256 << 20
    return options
