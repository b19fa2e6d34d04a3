"""Connections are opened with the right options."""

from typing import Any

import pytest
import sqlalchemy as sa

from waivern.database.connection.engine import open_engine


@pytest.mark.parametrize(("query", "idle"), [("", "10"), ("keepalives_idle=77", "77")])
def test_a_vanished_postgres_host_is_detected_within_half_a_minute(postgres_url: str, query: str, idle: str) -> None:
    url = sa.make_url(postgres_url).update_query_string(query)
    engine = open_engine(url.render_as_string(hide_password=False))
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        parameters = raw.info.get_parameters()
    engine.dispose()
    names = ("keepalives_idle", "keepalives_count", "tcp_user_timeout")
    assert tuple(parameters[name] for name in names) == (idle, "3", "25000")
