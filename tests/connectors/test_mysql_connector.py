"""The connector `mysql` with a real MariaDB."""

import json
import os
import socket
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from tests.servers.mariadb import as_properties
from waivern.connectors.sql_database import transactions
from waivern.connectors.sql_database.factory import MysqlConnectorFactory, SqlDatabaseConnectorFactory
from waivern.connectors.sql_database.transactions import Database, read_consistently
from waivern.connectors.sql_database.urls import source_name
from waivern.errors import ComponentError
from waivern.messages.canonical import canonical_bytes
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
CANARY = "c4n4ry-p4ss"
Content = Mapping[str, Any]


def scan(url: sa.URL, **properties: Any) -> Content:
    connector = MysqlConnectorFactory().create({**as_properties(url), **properties})
    return connector.extract(STANDARD_INPUT).content


def run(url: sa.URL, *statements: str) -> None:
    engine = sa.create_engine(url.set(query={"charset": "utf8mb4"}), poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    engine.dispose()


def cells(content: Content) -> dict[tuple[str, str, str | None], str]:
    found = [(item["metadata"], item["content"]) for item in content["data"]]
    return {(item["table"], item["column"], item.get("row")): text for item, text in found}


def not_scanned_in(content: Content) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in content["metadata"]["not_scanned"]}


def test_every_value_is_an_item_with_its_location(mariadb_url: sa.URL) -> None:
    run(
        mariadb_url,
        "CREATE TABLE customers (id INT PRIMARY KEY, email VARCHAR(80), fax TEXT)",
        "INSERT INTO customers VALUES (7, 'zoë😀@example.org', NULL), (3, 'Søren 日本', NULL)",
    )
    content = scan(mariadb_url)
    assert cells(content) == {
        ("customers", "id", "3"): "3",
        ("customers", "id", "7"): "7",
        ("customers", "email", "3"): "Søren 日本",
        ("customers", "email", "7"): "zoë😀@example.org",
        ("customers", "fax", None): "",
    }
    source = f"127.0.0.1:{mariadb_url.port}/{mariadb_url.database}"
    assert content["source"] == source
    assert {(item["metadata"]["source"], item["metadata"]["connector_type"]) for item in content["data"]} == {
        (source, "mysql")
    }


def test_values_of_every_type_are_read(mariadb_url: sa.URL) -> None:
    run(
        mariadb_url,
        "SET SESSION sql_mode = ''",
        "CREATE TABLE t (id INT PRIMARY KEY, d DATE, dt DATETIME, z TIMESTAMP NULL, span TIME, y YEAR, n DECIMAL(20,4),"
        " f DOUBLE, j JSON, e ENUM('fine'), s SET('a','b'), flag BIT(1), ok BOOLEAN, g POINT, u BIGINT UNSIGNED)",
        "SET SESSION time_zone = '+02:00'",
        "INSERT INTO t VALUES (1, '0000-00-00', '2026-02-00 01:02:03', '2026-01-02 03:04:05', '-838:59:59', 2026,"
        " 12345678901.5, 0.25, '{\"b\": 1}', 'fine', 'a,b', b'1', TRUE, POINT(1, 2), 18446744073709551615)",
    )
    content = scan(mariadb_url)
    assert not_scanned_in(content) == {"t.g": "1 of the values that were read are binary data"}
    assert {column: text for (_, column, _), text in cells(content).items()} == {
        "id": "1",
        "d": "0000-00-00",
        "dt": "2026-02-00 01:02:03",
        "z": "2026-01-02 01:04:05",
        "span": "-838:59:59",
        "y": "2026",
        "n": "12345678901.5000",
        "f": "0.25",
        "j": '{"b": 1}',
        "e": "fine",
        "s": "a,b",
        "flag": "1",
        "ok": "1",
        "g": "",
        "u": "18446744073709551615",
    }


def test_binary_values_are_counted_and_text_in_them_is_read(mariadb_url: sa.URL) -> None:
    run(
        mariadb_url,
        "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB, v VARBINARY(9))",
        "INSERT INTO t VALUES (1, x'89504e4700', 'Grüße'), (2, 'plain', x'ff')",
    )
    content = scan(mariadb_url)
    why = "1 of the values that were read are binary data"
    assert not_scanned_in(content) == {"t.b": why, "t.v": why}
    assert {(column, row): text for (_, column, row), text in cells(content).items() if column != "id"} == {
        ("v", "1"): "Grüße",
        ("b", "2"): "plain",
    }


def test_text_in_another_character_set_is_decoded(mariadb_url: sa.URL) -> None:
    run(
        mariadb_url,
        "CREATE TABLE t (a TEXT CHARACTER SET latin1, b TEXT CHARACTER SET ucs2)",
        "INSERT INTO t VALUES ('Müller', 'Łódź')",
    )
    assert set(cells(scan(mariadb_url)).values()) == {"Müller", "Łódź"}


def test_a_value_beyond_the_limit_is_cut_and_reported(mariadb_url: sa.URL) -> None:
    run(
        mariadb_url,
        "CREATE TABLE t (v LONGTEXT, b LONGBLOB)",
        "INSERT INTO t VALUES (REPEAT('ü', 300000), REPEAT('x', 300000))",
    )
    content = scan(mariadb_url, max_value_size=5)
    assert sorted(cells(content).values()) == ["xxxxx", "ü" * 5]
    why = "1 values were read only up to max_value_size (5)"
    assert not_scanned_in(content) == {"t.v": why, "t.b": why}


def test_views_are_not_scanned_and_all_kinds_of_tables_are(mariadb_url: sa.URL) -> None:
    run(
        mariadb_url,
        "CREATE TABLE plain (a TEXT)",
        "CREATE TABLE old_engine (a TEXT) ENGINE=MyISAM",
        "CREATE TABLE versioned (a TEXT) WITH SYSTEM VERSIONING",
        "CREATE TABLE parts (a INT) PARTITION BY HASH (a) PARTITIONS 3",
        "CREATE VIEW seen AS SELECT a FROM plain",
        *(f"INSERT INTO {table} VALUES (1)" for table in ("plain", "old_engine", "versioned", "parts")),
    )
    content = scan(mariadb_url)
    assert set(cells(content)) == {(table, "a", "#1") for table in ("plain", "old_engine", "versioned", "parts")}
    assert not_scanned_in(content) == {"seen": "a view: its data is scanned in its tables"}


@pytest.mark.parametrize("key", ["id INT PRIMARY KEY", "id INT", "id VARCHAR(9) PRIMARY KEY"])
def test_a_large_table_is_sampled_evenly_and_the_share_is_reported(mariadb_url: sa.URL, key: str) -> None:
    inserts = ", ".join(f"({n}, 'v{n}')" for n in range(1, 3001))
    run(mariadb_url, f"CREATE TABLE t ({key}, v TEXT)", f"INSERT INTO t VALUES {inserts}")
    content = scan(mariadb_url, max_rows_per_table=200)
    values = [int(text[1:]) for (_, column, _), text in cells(content).items() if column == "v"]
    assert len(set(values)) == 200
    [sampled] = content["metadata"]["sampled"]
    assert (sampled["name"], sampled["read"], sampled["total"]) == ("t", 200, 3000)
    thirds = Counter((value - 1) // 1000 for value in values)
    assert all(40 < thirds[third] < 95 for third in range(3))  # 67 each, more than four deviations either way
    assert canonical_bytes(scan(mariadb_url, max_rows_per_table=200)) == canonical_bytes(content)


def test_unusual_identifiers_are_quoted(mariadb_url: sa.URL) -> None:
    odd = ['quo"te', "with blank", "select", "Upper", "per%cent", "co:lon", "semi;colon", "日本"]
    metadata = sa.MetaData()
    for name in odd:
        sa.Table(name, metadata, *(sa.Column(column, sa.Text) for column in odd))
    engine = sa.create_engine(mariadb_url, poolclass=sa.NullPool)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for table in metadata.tables.values():
            connection.execute(table.insert(), [{column: f"v {column}" for column in odd}] * 5)
    engine.dispose()
    for at_most in (3, 9):
        content = scan(mariadb_url, max_rows_per_table=at_most)
        assert not_scanned_in(content) == {}
        found = {(table, column): text for (table, column, _), text in cells(content).items()}
        assert found == {(table, column): f"v {column}" for table in odd for column in odd}


def test_a_locked_table_is_reported_without_waiting(mariadb_url: sa.URL, monkeypatch: Any) -> None:
    run(mariadb_url, "CREATE TABLE busy (a TEXT)", "CREATE TABLE shop (a TEXT)", "INSERT INTO shop VALUES ('1')")
    monkeypatch.setattr(transactions, "LOCK_TIMEOUT_S", 1)
    engine = sa.create_engine(mariadb_url, poolclass=sa.NullPool)
    with engine.connect() as owner:
        owner.exec_driver_sql("LOCK TABLES busy WRITE")
        content = scan(mariadb_url)
    engine.dispose()
    assert cells(content) == {("shop", "a", "#1"): "1"}
    assert "cannot be read: " in not_scanned_in(content)["busy"]
    assert "Lock wait timeout exceeded" in not_scanned_in(content)["busy"]


def test_a_table_without_read_permission_does_not_affect_others(mariadb_url: sa.URL) -> None:
    reader = f"reader_{os.getpid()}"
    run(
        mariadb_url,
        "CREATE TABLE secret (a TEXT, b TEXT)",
        "CREATE TABLE shop (a TEXT)",
        "INSERT INTO shop VALUES ('1')",
        f"CREATE USER {reader}@'%' IDENTIFIED BY '{CANARY}'",
        f"GRANT SELECT ON shop TO {reader}@'%'",
        f"GRANT INSERT ON secret TO {reader}@'%'",
    )
    try:
        content = scan(mariadb_url, user=reader, password=CANARY)
    finally:
        run(mariadb_url, f"DROP USER {reader}@'%'")
    assert cells(content) == {("shop", "a", "#1"): "1"}
    assert "denied" in not_scanned_in(content)["secret"]
    assert CANARY not in json.dumps(content)


def test_the_transaction_is_read_only(mariadb_url: sa.URL) -> None:
    run(mariadb_url, "CREATE TABLE t (a TEXT)", "CREATE TABLE m (a TEXT) ENGINE=MyISAM")
    statements = ["INSERT INTO t VALUES ('x')", "INSERT INTO m VALUES ('x')", "DELETE FROM t", "DROP TABLE t"]
    for statement in statements:
        with pytest.raises(ComponentError, match="READ ONLY transaction"):
            read_consistently(
                Database(mariadb_url, source_name(mariadb_url)),
                lambda connection, do=statement: connection.exec_driver_sql(do),
            )


def test_a_wrong_password_is_an_error_that_does_not_show_it(mariadb_url: sa.URL) -> None:
    with pytest.raises(ComponentError) as raised:
        scan(mariadb_url, password=CANARY)
    assert "Access denied" in str(raised.value)
    assert CANARY not in f"{raised.value!r} {raised.value.__cause__} {raised.value.__context__}"


def test_a_missing_database_is_named(mariadb_url: sa.URL) -> None:
    with pytest.raises(ComponentError, match="Unknown database 'no_such_shop'"):
        scan(mariadb_url, database="no_such_shop")


def test_an_unreachable_server_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ComponentError) as raised:
        scan(sa.URL.create("mysql", "app", CANARY, "127.0.0.1", port, "shop"))
    assert f"127.0.0.1:{port}/shop" in str(raised.value)
    assert "efused" in str(raised.value)
    assert CANARY not in str(raised.value)


def test_a_server_that_never_responds_times_out() -> None:
    done = threading.Event()

    def attempt(port: int) -> None:
        with pytest.raises(ComponentError, match="timed out"):
            scan(sa.URL.create("mysql", "app", CANARY, "127.0.0.1", port, "shop"), connect_timeout=1)
        done.set()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        thread = threading.Thread(target=attempt, args=(silent.getsockname()[1],), daemon=True)
        thread.start()
        thread.join(timeout=20)
    assert done.is_set()


def test_a_query_may_take_longer_than_the_connect_timeout(mariadb_url: sa.URL) -> None:
    database = Database(mariadb_url, "the shop", connect_timeout_s=1)
    assert (
        read_consistently(database, lambda connection: connection.exec_driver_sql("SELECT SLEEP(1.5)").scalar_one())
        == 0
    )


def test_a_url_gives_the_same_values(mariadb_url: sa.URL) -> None:
    run(mariadb_url, "CREATE TABLE t (d DATE, v TEXT)", "INSERT INTO t VALUES ('2026-01-02', 'é')")
    url = mariadb_url.set(drivername="mariadb").render_as_string(hide_password=False)
    content = SqlDatabaseConnectorFactory().create({"url": url}).extract(STANDARD_INPUT).content
    assert cells(content) == cells(scan(mariadb_url))
    assert content["source"] == scan(mariadb_url)["source"]
