"""Texts that are scanned together in one pass."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, count, pairwise
from operator import add
from typing import NamedTuple

END_OF_TEXT = "\0"
"""Ends each text of a batch. No pattern matches it."""


class TextContext(NamedTuple):
    """What is known about a text besides its content.

    Args:
        supported_rules: Indexes of the rules that its context supports, for example by the name of its column.
        is_cell: Whether it is a value of a table, so that it contains no field names.
        is_name: Whether it is the name of a table or column.
        contradicted_rules: Indexes of the rules that its context contradicts.
    """

    supported_rules: frozenset[int] = frozenset()
    is_cell: bool = False
    is_name: bool = False
    contradicted_rules: frozenset[int] = frozenset()


NO_CONTEXT = TextContext()
NAME_CONTEXT = TextContext(is_name=True)


class Batch:
    """Several texts joined into one, with the mapping from its offsets back to those of each text.

    Args:
        texts: The texts.
        contexts: (number of consecutive texts, their context).
    """

    def __init__(self, texts: Sequence[str], contexts: Sequence[tuple[int, TextContext]]) -> None:
        self.texts = texts
        self.joined = END_OF_TEXT.join([*texts, ""])
        self._starts = list(map(add, accumulate(map(len, texts[:-1]), initial=0), count()))
        self._contexts = [context for _, context in contexts]
        self._run_starts = list(accumulate((number for number, _ in contexts), initial=0))

    def runs_of_equal_context(self) -> Iterator[tuple[int, int, TextContext]]:
        """Yield (start, end, context) for each run of consecutive texts with the same context."""
        for (first, stop), context in zip(pairwise(self._run_starts), self._contexts, strict=True):
            if stop > first:
                yield self._starts[first], self.bounds(stop - 1)[1], context

    def context_of(self, index: int) -> TextContext:
        return self._contexts[bisect_right(self._run_starts, index) - 1]

    def index_at(self, offset: int) -> int:
        """Return the index of the text that contains an offset of the joined text."""
        return bisect_right(self._starts, offset) - 1

    def locate(self, start: int, end: int) -> tuple[int, int, int]:
        """Convert offsets in the joined text to (index of the text, start, end) in that text."""
        index = self.index_at(start)
        return index, start - self._starts[index], end - self._starts[index]

    def bounds(self, index: int) -> tuple[int, int]:
        """Return the start and end of a text in the joined text."""
        return self._starts[index], self._starts[index] + len(self.texts[index])

    def bounds_at(self, offset: int) -> tuple[int, int]:
        """Return the start and end of the text that contains an offset of the joined text."""
        return self.bounds(self.index_at(offset))

    def is_cell(self, offset: int) -> bool:
        return self.context_of(self.index_at(offset)).is_cell

    def is_whole_name(self, start: int, end: int) -> bool:
        """Return whether `start` to `end` of the joined text is the complete name of a table or column."""
        index = self.index_at(start)
        return self.context_of(index).is_name and self.bounds(index) == (start, end)
