"""What a role or a database presets does not change what Waivern reads and writes, behind a pooler neither."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.servers.pgbouncer import pgbouncer
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import open_engine, writing
from waivern.database.connection.postgres_session import _settings_of
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.runs.run import RunStatus
from waivern.testing.builders import message_of, plan_of_dag

PRESETS = {
    "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "sql_standard",
    "TimeZone": "'Pacific/Chatham'",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "extra_float_digits": "-15",
    "idle_in_transaction_session_timeout": "'15s'",
    "lock_timeout": "1",
    "search_path": "pg_catalog",
    "standard_conforming_strings": "off",
    "statement_timeout": "'15s'",
}
SETTINGS = (
    *("DateStyle", "IntervalStyle", "TimeZone", "bytea_output", "client_encoding", "transaction_isolation"),
    *("extra_float_digits", "lock_timeout", "search_path", "standard_conforming_strings", "statement_timeout"),
    "idle_in_transaction_session_timeout",
)


@pytest.fixture
def preset_url(postgres_url: str) -> str:
    """The URL of a migrated database that presets every setting to what breaks something."""
    with migrated(postgres_url) as engine, writing(engine) as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        for setting, value in PRESETS.items():
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET {setting} = {value}')
    return postgres_url


@pytest.fixture(params=["direct", "pooled"])
def engine(request: pytest.FixtureRequest, preset_url: str) -> Iterator[sa.Engine]:
    if request.param == "direct":
        opened = open_engine(preset_url)
        yield opened
        opened.dispose()
        return
    with pgbouncer(preset_url) as url:
        opened = open_engine(url)
        yield opened
        opened.dispose()


def settings_of(connection: sa.Connection) -> dict[str, str]:
    return {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in SETTINGS}


def test_every_transaction_has_the_settings_that_waivern_relies_on(engine: sa.Engine) -> None:
    expected = {
        "DateStyle": "ISO, DMY",  # the order matters for input only
        "IntervalStyle": "postgres",
        "TimeZone": "UTC",
        "bytea_output": "hex",
        "client_encoding": "UTF8",
        "transaction_isolation": "read committed",
        "extra_float_digits": "1",
        "lock_timeout": "30s",
        "search_path": '"$user", public',
        "standard_conforming_strings": "on",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "20s",
    }
    with engine.connect() as one, engine.connect() as other:
        for connection in (one, other, one, other):
            with connection.begin():
                assert settings_of(connection) == expected


def test_a_run_is_stored_and_read_whatever_is_preset(engine: sa.Engine) -> None:
    runs = SqlRunStore(engine)
    for _ in range(7):  # the driver prepares a statement that it has executed five times
        run = runs.create(plan_of_dag({"a": [], "b": []}), trigger="test", caller=CALLER)
        run.store.save("a", message_of(text="caf\u00e9 \u20ac \u4e2d", number=0.1 + 0.2))
        run.store.save("b", message_of(rows=["x" * 100] * 200))
        run.log.close(RunStatus.SUCCEEDED)
        stored = SqlHistory(engine).find(run.run_id)
        assert stored.status is RunStatus.SUCCEEDED
        assert stored.ended_at is not None
        assert abs((datetime.now(UTC) - stored.ended_at).total_seconds()) < 600
        assert run.store.get("a").content == {"text": "caf\u00e9 \u20ac \u4e2d", "number": 0.1 + 0.2}


def test_a_pooler_is_recognised(postgres_url: str) -> None:
    def threshold(url: str) -> int | None:
        engine = open_engine(url)
        with engine.connect() as connection:
            prepare_threshold: int | None = getattr(connection.connection.driver_connection, "prepare_threshold", 0)
        engine.dispose()
        return prepare_threshold

    assert threshold(postgres_url) == 5
    with pgbouncer(postgres_url) as url:
        assert threshold(url) is None


def test_nothing_is_set_on_the_session_of_a_pooler(postgres_url: str) -> None:
    with pgbouncer(postgres_url) as url:
        engine = open_engine(url)
        for _ in range(5):
            with engine.connect() as connection:
                assert settings_of(connection)["lock_timeout"] == "30s"
        engine.dispose()
        other = sa.create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"prepare_threshold": None})
        with other.connect() as connection:
            found = {connection.exec_driver_sql("SHOW lock_timeout").scalar_one() for _ in range(6)}
        other.dispose()
    assert found == {"0"}


def test_the_url_chooses_the_schema(postgres_url: str) -> None:
    plain = open_engine(postgres_url)
    with writing(plain) as connection:
        connection.exec_driver_sql("CREATE SCHEMA compliance")
    plain.dispose()
    query = {"options": "-csearch_path=compliance -c Lock_Timeout=7s"}
    engine = open_engine(sa.make_url(postgres_url).update_query_dict(query).render_as_string(hide_password=False))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT current_schema()").scalar_one() == "compliance"
        assert settings_of(connection)["lock_timeout"] == "7s"
        assert database_now(connection).tzinfo is not None
    engine.dispose()


@pytest.mark.parametrize(
    ("options", "settings", "rest"),
    [
        ("", {}, ""),
        ("-csearch_path=a", {"search_path": "a"}, ""),
        ("-c search_path='a, b' --work_mem=4MB", {"search_path": "a, b", "work_mem": "4MB"}, ""),
        ("-c datestyle=SQL", {"DateStyle": "SQL"}, ""),
        ("-c lock_timeout=5s -e -c", {"lock_timeout": "5s"}, "-e -c "),
    ],
)
def test_settings_of_a_url_are_told_from_other_options(options: str, settings: dict[str, str], rest: str) -> None:
    assert _settings_of(options) == (settings, rest)
