"""Many things a few hundred at a time, for a statement takes only so many and a transaction is not to last."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
AT_ONCE = 200


def in_batches(things: Iterable[T], size: int) -> Iterable[Sequence[T]]:
    """Return the things in lists of at most `size`."""
    left = iter(things)
    while some := list(islice(left, size)):
        yield some
