"""Texts that are scanned together."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, count, pairwise
from operator import add
from typing import NamedTuple

END_OF_TEXT = "\0"
"""What ends each of the texts that are scanned together; no value pattern matches it."""


class Surroundings(NamedTuple):
    """What is known of where a text stands.

    Args:
        spoken_for: Rules (their indexes) that the text's surroundings speak for, such as its column's name.
        spoken_against: Rules that they speak against.
        is_cell: Whether it is one value of a table, so that no name of a field stands in it.
        is_name: Whether it is what a table or a column is called.
    """

    spoken_for: frozenset[int] = frozenset()
    is_cell: bool = False
    is_name: bool = False
    spoken_against: frozenset[int] = frozenset()


NOTHING_KNOWN = Surroundings()
A_NAME = Surroundings(is_name=True)


class Batch:
    """Texts made into one, and back from its characters to those of a text.

    Args:
        texts: All of them.
        surroundings: How many texts, one after the other, stand in which surroundings.
    """

    def __init__(self, texts: Sequence[str], surroundings: Sequence[tuple[int, Surroundings]]) -> None:
        self.texts = texts
        self.joined = END_OF_TEXT.join([*texts, ""])
        self._starts = list(map(add, accumulate(map(len, texts[:-1]), initial=0), count()))
        self._surroundings = [around for _, around in surroundings]
        self._firsts = list(accumulate((number for number, _ in surroundings), initial=0))

    def alike(self) -> Iterator[tuple[int, int, Surroundings]]:
        """Yield the characters from which and up to which texts stand in the same surroundings, and these."""
        for (first, behind), around in zip(pairwise(self._firsts), self._surroundings, strict=True):
            if behind > first:
                yield self._starts[first], self.bounds(behind - 1)[1], around

    def around(self, number: int) -> Surroundings:
        """Return the surroundings of a text."""
        return self._surroundings[bisect_right(self._firsts, number) - 1]

    def within_text(self, start: int, end: int) -> tuple[int, int, int]:
        """Return which text characters `start` to `end` of all lie in, and which of its characters they are."""
        number = bisect_right(self._starts, start) - 1
        return number, start - self._starts[number], end - self._starts[number]

    def bounds(self, number: int) -> tuple[int, int]:
        """Return where a text begins and ends among the characters of all."""
        return self._starts[number], self._starts[number] + len(self.texts[number])

    def bounds_at(self, character: int) -> tuple[int, int]:
        """Return where the text of a character begins and ends."""
        return self.bounds(bisect_right(self._starts, character) - 1)

    def is_cell(self, character: int) -> bool:
        return self.around(bisect_right(self._starts, character) - 1).is_cell

    def is_whole_name(self, start: int, end: int) -> bool:
        """Say whether characters `start` to `end` of all are all that a table or column is called."""
        number = bisect_right(self._starts, start) - 1
        return self.around(number).is_name and self.bounds(number) == (start, end)
