"""Equal cells: the values of a column repeat, and equal values in equal contexts have equal spans."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from waivern.rulesets.engine.batch import TextContext

T = TypeVar("T")

_WORTHWHILE = 0.8
"""A run of cells is reduced to its distinct values if there are at most this many of them, as a share."""


class DistinctTexts:
    """The texts of a batch, with each value of a run of equal context only once if many of them repeat.

    Args:
        texts: The texts.
        contexts: (number of consecutive texts, their context).
    """

    def __init__(self, texts: Sequence[str], contexts: Sequence[tuple[int, TextContext]]) -> None:
        self._texts = texts
        self.texts: list[str] = []
        self.contexts: list[tuple[int, TextContext]] = []
        self._runs: list[tuple[int, int, int, dict[str, int] | None]] = []
        start = 0
        for number, context in contexts:
            run = texts[start : start + number]
            positions = _positions(run) if context.is_cell else None
            self._runs.append((start, start + number, len(self.texts), positions))
            self.texts += run if positions is None else positions
            self.contexts.append((number if positions is None else len(positions), context))
            start += number

    def expanded(self, found: Mapping[int, T]) -> dict[int, T]:
        """Return what was found for each of the original texts, given what was found for the distinct ones."""
        expanded: dict[int, T] = {}
        for start, end, first, positions in self._runs:
            for index in range(start, end):
                position = index - start if positions is None else positions[self._texts[index]]
                value = found.get(first + position)
                if value is not None:
                    expanded[index] = value
        return expanded


def _positions(run: Sequence[str]) -> dict[str, int] | None:
    """Return {value: its position among the distinct values}, or None if too few of them repeat."""
    distinct = dict.fromkeys(run)
    if len(distinct) > _WORTHWHILE * len(run):
        return None
    return {value: position for position, value in enumerate(distinct)}
