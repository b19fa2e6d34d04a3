"""How connections are opened."""

from typing import Any

import pytest
import sqlalchemy as sa

from waivern.database.connection.engine import open_engine


@pytest.mark.parametrize(("query", "idle"), [("", "10"), ("keepalives_idle=77", "77")])
def test_a_postgres_whose_host_is_gone_without_a_word_is_noticed_within_half_a_minute(
    postgres_url: str, query: str, idle: str
) -> None:
    url = sa.make_url(postgres_url).update_query_string(query)
    engine = open_engine(url.render_as_string(hide_password=False))
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        said = raw.info.get_parameters()
    engine.dispose()
    assert (said["keepalives_idle"], said["keepalives_count"], said["tcp_user_timeout"]) == (idle, "3", "25000")
