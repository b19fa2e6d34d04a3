"""The clock that all who share a database go by."""

from datetime import datetime

import sqlalchemy as sa

from waivern.runs.run import utc_now


def database_now(connection: sa.Connection) -> datetime:
    """The present by the clock that every process sharing the database goes by."""
    if connection.dialect.name == "sqlite":
        return utc_now()
    now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return now
