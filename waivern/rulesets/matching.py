"""One pass of one engine over a text for all patterns of a ruleset.

Two engines give the same answers: hyperscan, and RE2 where hyperscan has no wheel. Both read bytes. A match of a value
pattern is what a backtracking engine would find, leftmost and first alternative first; hyperscan, which reports every
end that a match may have, only says where to look.
"""

import importlib.util
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
        names: Groups of alternatives; of their matches only the ends are wanted, all that there are.
        gates: Groups of alternatives; wanted is only which groups match at all.
    """

    values: Sequence[ValueForm]
    names: Sequence[Sequence[str]] = ()
    gates: Sequence[Sequence[str]] = ()


class Matched(NamedTuple):
    """What was found, in bytes.

    Args:
        values: (start, end, index of the pattern), sorted; those of one pattern do not overlap.
        names: For each group of names the ends of its matches, sorted.
        gates: The indexes of the groups that matched.
    """

    values: list[tuple[int, int, int]]
    names: list[list[int]]
    gates: frozenset[int]


class Engine(Protocol):
    """Looks for what it was made for. Safe to use from several threads at once."""

    def scan(self, data: bytes) -> Matched: ...


def compile_engine(wanted: Wanted) -> Engine:
    """Make the fastest engine that this machine has.

    Raises:
        ValueError: the engine refuses a pattern.
    """
    if importlib.util.find_spec("hyperscan") is not None:
        from waivern.rulesets.hyperscan_engine import HyperscanEngine

        return HyperscanEngine(wanted)
    from waivern.rulesets.re2_engine import Re2Engine

    return Re2Engine(wanted)


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
