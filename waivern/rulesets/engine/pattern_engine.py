"""What an engine is asked and what it answers; see `matching`."""

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import product
from typing import NamedTuple, Protocol

LONGEST_LEAD = 65

_MOST_CAPITALS = 4
"""Letters beyond ASCII in a word of which every spelling in capitals is looked for; of more only the whole word."""


class ValueForm(NamedTuple):
    """What the engine looks for to find values; see `waivern.rulesets.model.rule.ValuePattern`."""

    regex: str
    lead: str = ""


class Edges(Enum):
    """What has to stand beside a word: anything, no letter or digit of ASCII, or the marks that show a key's name."""

    ANY = "any"
    WHOLE = "whole"
    KEY = "key"


class Word(NamedTuple):
    """A literal text to be found, in capitals too unless it is `exact`."""

    text: str
    edges: Edges = Edges.ANY
    exact: bool = False

    def spellings(self) -> list[bytes]:
        """Return it in bytes; an engine knows capitals of ASCII only, so those of other letters are spelt out."""
        if self.exact or self.text.isascii():
            return [self.text.encode()]
        if sum(not sign.isascii() for sign in self.text) > _MOST_CAPITALS:
            forms: Iterable[str] = (self.text, self.text.upper(), self.text.title())
        else:
            forms = map("".join, product(*([sign] if sign.isascii() else [sign, sign.upper()] for sign in self.text)))
        return list(dict.fromkeys(form.encode() for form in forms))


class Wanted(NamedTuple):
    """All that one engine looks for.

    Args:
        values: Their matches are wanted with start and end.
        words: Groups of words; of their matches only the ends are wanted, all that there are.
    """

    values: Sequence[ValueForm]
    words: Sequence[Sequence[Word]] = ()


class Matched(NamedTuple):
    """What was found, in bytes.

    Args:
        values: (start, end, index of the pattern), sorted; those of one pattern do not overlap.
        words: For each group of words the ends of its matches, sorted.
    """

    values: list[tuple[int, int, int]]
    words: list[list[int]]


class Engine(Protocol):
    """Looks for what it was made for. Safe to use from several threads at once."""

    def scan(self, data: bytes) -> Matched: ...


def with_edges(data: bytes, ends: Sequence[int], length: int, edges: Edges) -> Sequence[int]:
    """Return those ends of a spelling of `length` bytes beside which stands what has to."""
    if edges is Edges.ANY:
        return ends
    before, behind, may_end_all = _BESIDE[edges]
    size = len(data)
    return [
        end
        for end in ends
        if (behind[data[end]] if end < size else may_end_all) and (end == length or before[data[end - length - 1]])
    ]


KEY_MARK = rb"""["'`>\],;\t\n|:=\x00]"""
_NO_LETTER = bytes(not bytes([byte]).isalnum() for byte in range(256))
_NO_PART_OF_NAME = bytes(not (bytes([byte]).isalnum() or byte == ord("_")) for byte in range(256))
_MARK = bytes(bool(re.match(KEY_MARK, bytes([byte]))) for byte in range(256))
_BESIDE = {Edges.WHOLE: (_NO_LETTER, _NO_LETTER, True), Edges.KEY: (_NO_PART_OF_NAME, _MARK, False)}
"""For each byte whether it may stand before and behind, and whether nothing may stand behind."""


class Leads:
    """Draws the characters before a match into it that belong to the value."""

    def __init__(self, forms: Iterable[ValueForm]) -> None:
        self._characters = [_characters_of(form.lead) for form in forms]

    def extended(self, data: bytes, spans: Iterable[tuple[int, int]], pattern: int) -> list[tuple[int, int, int]]:
        """Return the spans of one pattern, sorted by start, with their leads; none reaches into the one before."""
        characters = self._characters[pattern]
        if not characters:
            return [(start, end, pattern) for start, end in spans]
        extended = []
        earliest = 0
        for start, end in spans:
            before = data[max(earliest, start - LONGEST_LEAD) : start]
            extended.append((start - len(before) + len(before.rstrip(characters)), end, pattern))
            earliest = end
        return extended


def _characters_of(lead: str) -> bytes:
    if not lead:
        return b""
    character = re.compile(lead.encode())
    return bytes(byte for byte in range(256) if character.fullmatch(bytes([byte])))
