"""Queries of the chain of events, page by page."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.schema.tables import events
from waivern.history.events import Event

_PAGE = 500
_EARLIEST = 10_000
_NONE = 2**62  # more than any event's number


def read_events(engine: sa.Engine, *, after: int, limit: int | None, kinds: Collection[str] | None) -> Iterator[Event]:
    """Yield events by number; each page is read in a transaction of its own."""
    query, left = _of_kinds(kinds).order_by(events.c.seq), limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        page = _read(engine, query.where(events.c.seq > after).limit(size))
        yield from page
        if len(page) < size:
            return
        after = page[-1].seq
        left = None if left is None else left - size


def newest_events(
    engine: sa.Engine, *, limit: int, before: int | None, kinds: Collection[str] | None, since: datetime | None
) -> Sequence[Event]:
    """Return the newest events, newest first."""
    query = _of_kinds(kinds).order_by(events.c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(events.c.seq < before)
    if since is not None:
        first = _first_since(engine, since)
        query = query.where(events.c.at >= since, events.c.seq >= first)
    return _read(engine, query)


def _first_since(engine: sa.Engine, since: datetime) -> int:
    """Return a number below which no event is as late as an instant, so that older events need not be read.

    Usually the earliest of these events has the lowest number. Where a clock was set back it need not, so the lowest
    number of the earliest ones is taken.
    """
    earliest = sa.select(events.c.seq).where(events.c.at >= since).order_by(events.c.at).limit(_EARLIEST).subquery()
    with engine.connect() as connection:
        first: int | None = connection.scalar(sa.select(sa.func.min(earliest.c.seq)))
        return _NONE if first is None else first


def _read(engine: sa.Engine, query: sa.Select[Any]) -> list[Event]:
    with engine.connect() as connection:
        return [Event(**row._mapping) for row in connection.execute(query)]


def _of_kinds(kinds: Collection[str] | None) -> sa.Select[Any]:
    query = sa.select(events)
    return query if kinds is None else query.where(events.c.kind.in_(kinds))
