"""Split long work into batches: a statement takes a limited number of parameters, and transactions must be short."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

BATCH_SIZE = 200


def batched(items: Iterable[T], size: int = BATCH_SIZE) -> Iterator[list[T]]:
    """Yield lists of at most `size` items. (`itertools.batched` needs Python 3.12.)"""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def keyset_pages(
    engine: sa.Engine, query: sa.Select[Any], key: sa.Column[Any], size: int = BATCH_SIZE
) -> Iterator[Sequence[sa.Row[Any]]]:
    """Yield the rows of a query in pages ordered by a unique column of it, each page from a transaction of its own."""
    page = query.order_by(key).limit(size)
    after: Any = None
    while True:
        with engine.connect() as connection:
            rows = connection.execute(page if after is None else page.where(key > after)).all()
        if not rows:
            return
        yield rows
        after = rows[-1]._mapping[key.name]
