"""The interface of the pattern engines: what they search for and what they return."""

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import product
from typing import NamedTuple, Protocol

MAX_LEFT_EXTENSION = 65
"""The most characters by which a match is extended."""

_MAX_NON_ASCII_LETTERS = 4
"""Up to this many non-ASCII letters in a word, all combinations of their cases are searched for."""


class ScanPattern(NamedTuple):
    """A pattern as an engine sees it; see `waivern.rulesets.model.rule.Pattern`."""

    regex: str
    left_extension: str = ""


class Boundary(Enum):
    """What must surround a word: anything, no ASCII letter or digit, or the marks of a key's name."""

    ANY = "any"
    WHOLE_WORD = "whole word"
    KEY = "key"


class Word(NamedTuple):
    """A literal text, found in any case unless it is `case_sensitive`."""

    text: str
    boundary: Boundary = Boundary.ANY
    case_sensitive: bool = False

    def spellings(self) -> list[bytes]:
        """Return the word as bytes. Engines ignore the case of ASCII only; other letters are listed in both cases."""
        if self.case_sensitive or self.text.isascii():
            return [self.text.encode()]
        if sum(not letter.isascii() for letter in self.text) > _MAX_NON_ASCII_LETTERS:
            spellings: Iterable[str] = (self.text, self.text.upper(), self.text.title())
        else:
            cases = ([letter] if letter.isascii() else [letter, letter.upper()] for letter in self.text)
            spellings = map("".join, product(*cases))
        return list(dict.fromkeys(spelling.encode() for spelling in spellings))


class PatternSet(NamedTuple):
    """Everything that one engine searches for.

    Args:
        patterns: Their matches are reported with start and end.
        word_groups: Groups of words; only the ends of their matches are reported, including overlapping ones.
    """

    patterns: Sequence[ScanPattern]
    word_groups: Sequence[Sequence[Word]] = ()


class Matches(NamedTuple):
    """The matches in a text, with offsets in bytes (or in characters after `to_character_offsets`).

    Args:
        patterns: (start, end, index of the pattern), sorted; matches of one pattern do not overlap.
        word_ends: For each group of words the sorted ends of its matches.
    """

    patterns: list[tuple[int, int, int]]
    word_ends: list[list[int]]


class Engine(Protocol):
    """A compiled pattern set. Safe to use from several threads at once."""

    def scan(self, data: bytes) -> Matches: ...


def filter_by_boundary(data: bytes, ends: Sequence[int], length: int, boundary: Boundary) -> Sequence[int]:
    """Return the ends of those matches of a spelling of `length` bytes that have the required boundary."""
    if boundary is Boundary.ANY:
        return ends
    before, after, may_end_text = _ALLOWED_NEIGHBOURS[boundary]
    size = len(data)
    return [
        end
        for end in ends
        if (after[data[end]] if end < size else may_end_text) and (end == length or before[data[end - length - 1]])
    ]


KEY_MARK = rb"""["'`>\],;\t\n|:=\x00]"""
_NOT_ALPHANUMERIC = bytes(not bytes([byte]).isalnum() for byte in range(256))
_NOT_IDENTIFIER = bytes(not (bytes([byte]).isalnum() or byte == ord("_")) for byte in range(256))
_IS_KEY_MARK = bytes(bool(re.match(KEY_MARK, bytes([byte]))) for byte in range(256))
_ALLOWED_NEIGHBOURS = {
    Boundary.WHOLE_WORD: (_NOT_ALPHANUMERIC, _NOT_ALPHANUMERIC, True),
    Boundary.KEY: (_NOT_IDENTIFIER, _IS_KEY_MARK, False),
}
"""For each byte whether it may come before and after the word, and whether the word may end the text."""


class LeftExtension:
    """Extends matches to the left over the characters of their pattern's `left_extension`."""

    def __init__(self, patterns: Iterable[ScanPattern]) -> None:
        self._characters = [_characters_in(pattern.left_extension) for pattern in patterns]

    def extend(self, data: bytes, spans: Iterable[tuple[int, int]], pattern: int) -> list[tuple[int, int, int]]:
        """Return (start, end, pattern) for the sorted spans of one pattern; none is extended into the previous one."""
        characters = self._characters[pattern]
        if not characters:
            return [(start, end, pattern) for start, end in spans]
        extended = []
        previous_end = 0
        for start, end in spans:
            before = data[max(previous_end, start - MAX_LEFT_EXTENSION) : start]
            extended.append((start - len(before) + len(before.rstrip(characters)), end, pattern))
            previous_end = end
        return extended


def _characters_in(character_class: str) -> bytes:
    if not character_class:
        return b""
    regex = re.compile(character_class.encode())
    return bytes(byte for byte in range(256) if regex.fullmatch(bytes([byte])))
