"""The chain of events in the database, read page by page."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.events import event_rows
from waivern.database.schema.tables import events
from waivern.history.event_log import Event, EventLog

_PAGE = 500


class SqlEventLog(EventLog):
    """Reads pages of 500, each in a transaction of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def append(self, *, actor: str, kind: str, body: Mapping[str, Any]) -> Event:
        with writing(self._engine) as connection:
            return event_rows.append(connection, actor=actor, kind=kind, body=body, at=database_now(connection))

    def read(
        self, *, after: int = 0, limit: int | None = None, kinds: Collection[str] | None = None
    ) -> Iterator[Event]:
        wanted, left = _of_kinds(kinds).order_by(events.c.seq), limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            page = self._asked(wanted.where(events.c.seq > after).limit(size))
            yield from page
            if len(page) < size:
                return
            after = page[-1].seq
            left = None if left is None else left - size

    def newest(
        self,
        *,
        limit: int,
        before: int | None = None,
        kinds: Collection[str] | None = None,
        since: datetime | None = None,
    ) -> Sequence[Event]:
        wanted = _of_kinds(kinds).order_by(events.c.seq.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(events.c.seq < before)
        if since is not None:
            wanted = wanted.where(events.c.at >= since)
        return self._asked(wanted)

    def _asked(self, wanted: sa.Select[Any]) -> list[Event]:
        with self._engine.connect() as connection:
            return [Event(**row._mapping) for row in connection.execute(wanted)]


def _of_kinds(kinds: Collection[str] | None) -> sa.Select[Any]:
    wanted = sa.select(events)
    return wanted if kinds is None else wanted.where(events.c.kind.in_(kinds))
