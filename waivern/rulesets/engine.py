"""What an engine is asked and what it answers; see `matching`."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

LONGEST_LEAD = 65


class ValueForm(NamedTuple):
    """What the engine looks for to find values; see `waivern.rulesets.rule.ValuePattern`."""

    regex: str
    lead: str = ""


class Wanted(NamedTuple):
    """All that one engine looks for.

    Args:
        values: Their matches are wanted with start and end.
        words: Groups of alternatives; of their matches only the ends are wanted, all that there are.
    """

    values: Sequence[ValueForm]
    words: Sequence[Sequence[str]] = ()


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
