"""Split long work into batches: a statement takes a limited number of parameters, and transactions must be short."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

BATCH_SIZE = 200
_MAX_PAUSE_S = 0.1


def batched(items: Iterable[T], size: int = BATCH_SIZE) -> Iterator[list[T]]:
    """Yield lists of at most `size` items. (`itertools.batched` needs Python 3.12.)"""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


@contextmanager
def leaving_time_for_others(engine: sa.Engine) -> Iterator[None]:
    """Pause after one of many transactions that write, half as long as it took.

    SQLite gives its lock to the next connection that tries, and a waiting connection retries at growing intervals.
    """
    began = time.monotonic()
    yield
    if engine.dialect.name == "sqlite":
        time.sleep(min((time.monotonic() - began) / 2, _MAX_PAUSE_S))


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
