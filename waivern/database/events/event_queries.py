"""Queries of the chain of events, page by page."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.schema.tables import events
from waivern.history.events import Event

_PAGE = 500


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
        query = query.where(events.c.at >= since)
    return _read(engine, query)


def _read(engine: sa.Engine, query: sa.Select[Any]) -> list[Event]:
    with engine.connect() as connection:
        return [Event(**row._mapping) for row in connection.execute(query)]


def _of_kinds(kinds: Collection[str] | None) -> sa.Select[Any]:
    query = sa.select(events)
    return query if kinds is None else query.where(events.c.kind.in_(kinds))
