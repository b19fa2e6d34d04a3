"""The clock that all processes of one database share."""

from datetime import datetime

import sqlalchemy as sa

from waivern.runs.run import utc_now


def database_now(connection: sa.Connection) -> datetime:
    """Return the current time (aware): the host's on SQLite, the server's on Postgres, where hosts may disagree."""
    if connection.dialect.name == "sqlite":
        return utc_now()
    # not now(), which is the time at which the transaction began
    now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return now
