"""The connectors `sql_database` and `sqlite` with real databases."""

import json
import os
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.thoroughness import examples
from waivern.components.working_directory import use_working_directory
from waivern.connectors.sql_database import transactions
from waivern.connectors.sql_database.factory import SqlDatabaseConnectorFactory, SqliteConnectorFactory
from waivern.connectors.sql_database.transactions import Database, read_consistently
from waivern.errors import ComponentError
from waivern.messages.canonical import canonical_bytes
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
CANARY = "c4n4ry-p4ss"
Content = Mapping[str, Any]


def scan(url: str, **properties: Any) -> Content:
    connector = SqlDatabaseConnectorFactory().create({"url": url, **properties})
    return connector.extract(STANDARD_INPUT).content


def scan_file(path: Path | str, **properties: Any) -> Content:
    connector = SqliteConnectorFactory().create({"path": str(path), **properties})
    return connector.extract(STANDARD_INPUT).content


def run(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def write(path: Path, *statements: str, many: tuple[str, Iterable[tuple[Any, ...]]] | None = None) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
        if many is not None:
            connection.executemany(*many)
    return path


def numbers(path: Path, rows: Iterable[tuple[Any, ...]], *, table: str = "t (id INTEGER PRIMARY KEY, v TEXT)") -> Path:
    return write(path, f"CREATE TABLE {table}", many=("INSERT INTO t VALUES (?, ?)", rows))


def cells(content: Content) -> dict[tuple[str, str, str | None], str]:
    found = [(item["metadata"], item["content"]) for item in content["data"]]
    return {(item["table"], item["column"], item.get("row")): text for item, text in found}


def rows_read(content: Content) -> list[str]:
    return list(dict.fromkeys(item["metadata"]["row"] for item in content["data"] if "row" in item["metadata"]))


def not_scanned_in(content: Content) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in content["metadata"]["not_scanned"]}


def test_every_value_is_an_item_and_a_column_without_values_has_one_without_text(database_url: str) -> None:
    run(
        database_url,
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, email VARCHAR(80), fax TEXT)",
        "INSERT INTO customers VALUES (7, 'a@example.org', NULL), (3, '', NULL)",
        "CREATE TABLE empty_one (iban TEXT)",
    )
    content = scan(database_url)
    assert cells(content) == {
        ("customers", "id", "3"): "3",
        ("customers", "id", "7"): "7",
        ("customers", "email", "7"): "a@example.org",
        ("customers", "fax", None): "",
        ("empty_one", "iban", None): "",
    }
    assert content["metadata"]["scanned"] == 2
    assert content["metadata"]["sampled"] == []
    assert content["metadata"]["tables"][0] == {
        "table": "customers",
        "columns": [
            {"name": "id", "type": "INTEGER"},
            {"name": "email", "type": "VARCHAR(80)"},
            {"name": "fax", "type": "TEXT"},
        ],
        "rows": 2,
        "sampled": 2,
    }


@pytest.mark.parametrize("key", ["id INTEGER PRIMARY KEY", "id INTEGER", "id VARCHAR(9) PRIMARY KEY"])
def test_a_large_table_is_sampled_evenly_and_the_share_is_reported(database_url: str, key: str) -> None:
    inserts = ", ".join(f"({n}, 'v{n}')" for n in range(1, 3001))
    run(database_url, f"CREATE TABLE t ({key}, v TEXT)", f"INSERT INTO t VALUES {inserts}")
    content = scan(database_url, max_rows_per_table=200)
    values = [int(text[1:]) for (_, column, _), text in cells(content).items() if column == "v"]
    assert len(set(values)) == 200
    bound = "a value present in 1 % of rows is missed with p < 0.13"
    assert content["metadata"]["sampled"] == [{"name": "t", "read": 200, "total": 3000, "bound": bound}]
    thirds = Counter((value - 1) // 1000 for value in values)
    assert all(40 < thirds[third] < 95 for third in range(3))  # 67 each, more than four deviations either way
    assert canonical_bytes(scan(database_url, max_rows_per_table=200)) == canonical_bytes(content)
    assert canonical_bytes(scan(database_url, max_rows_per_table=200, seed=1)) != canonical_bytes(content)


def test_a_composite_key_of_numbers_is_a_row_name(postgres_url: str) -> None:
    run(
        postgres_url,
        "CREATE TABLE lines (bill INTEGER, line INTEGER, item TEXT, PRIMARY KEY (bill, line))",
        "INSERT INTO lines VALUES (2, 1, 'pen'), (1, 9, 'ink')",
    )
    assert rows_read(scan(postgres_url)) == ["1/9", "2/1"]


def test_a_key_that_may_be_personal_data_is_not_used_as_a_row_name(postgres_url: str) -> None:
    run(
        postgres_url,
        "CREATE TABLE people (email TEXT PRIMARY KEY)",
        "INSERT INTO people VALUES ('b@example.org'), ('07700900123')",
        "CREATE TABLE devices (id UUID PRIMARY KEY)",
        "INSERT INTO devices VALUES ('00000000-0000-0000-0000-000000000007')",
    )
    assert set(rows_read(scan(postgres_url))) == {"#1", "#2", "00000000-0000-0000-0000-000000000007"}


ODD_NAMES = [
    'quo"te',
    "with blank",
    "select",
    "Upper",
    "per%cent",
    "co:lon",
    "semi;colon",
    "apo'strophe",
    "[x]",
    "日本",
]


@pytest.mark.parametrize("rows", [1, 9])
def test_unusual_identifiers_are_quoted(database_url: str, rows: int) -> None:
    metadata = sa.MetaData()
    for name in ODD_NAMES:
        sa.Table(name, metadata, *(sa.Column(column, sa.Text) for column in ODD_NAMES))
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for table in metadata.tables.values():
            connection.execute(table.insert(), [{column: f"v {column}" for column in ODD_NAMES}] * rows)
    engine.dispose()
    content = scan(database_url, max_rows_per_table=3)
    assert not_scanned_in(content) == {}
    found = {(table, column): text for (table, column, _), text in cells(content).items()}
    assert found == {(table, column): f"v {column}" for table in ODD_NAMES for column in ODD_NAMES}


IDENTIFIERS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=examples(50), deadline=None)
@given(table=IDENTIFIERS.filter(lambda name: not name.lower().startswith("sqlite_")), column=IDENTIFIERS)
def test_any_sqlite_identifier_is_read(tmp_path_factory: pytest.TempPathFactory, table: str, column: str) -> None:
    path = tmp_path_factory.mktemp("odd") / "odd.db"
    quoted = ['"' + name.replace('"', '""') + '"' for name in (table, column)]
    write(path, "CREATE TABLE {} ({})".format(*quoted), f"INSERT INTO {quoted[0]} VALUES ('v')")
    assert cells(scan_file(path)) == {(table, column, "1"): "v"}


@settings(max_examples=examples(40), deadline=None)
@given(ids=st.sets(st.integers(-(2**63), 2**63 - 1) | st.integers(1, 60), max_size=60), at_most=st.integers(1, 30))
def test_a_sample_has_the_requested_number_of_distinct_rows(
    tmp_path_factory: pytest.TempPathFactory, ids: set[int], at_most: int
) -> None:
    path = numbers(tmp_path_factory.mktemp("ids") / "ids.db", [(item, f"v{item}") for item in ids])
    content = scan_file(path, max_rows_per_table=at_most)
    read = [int(name) for name in rows_read(content)]
    assert len(read) == min(at_most, len(ids))
    assert read == sorted(set(read) & ids)


@pytest.mark.parametrize("step", [1, 3, 1000], ids=["no gaps", "gaps", "mostly gaps"])
def test_every_row_is_equally_likely_to_be_sampled(tmp_path: Path, step: int) -> None:
    path = numbers(tmp_path / "t.db", [(n * step, "v") for n in range(1, 2001)])
    hits: Counter[int] = Counter()
    for seed in range(100):
        read = rows_read(scan_file(path, max_rows_per_table=40, seed=seed))
        hits.update((int(name) // step - 1) // 200 for name in read)
    assert hits.total() == 4000
    assert all(320 < hits[tenth] < 480 for tenth in range(10))  # 400 each, four deviations either way


def test_a_column_may_have_the_name_of_sqlites_row_id(tmp_path: Path) -> None:
    write(tmp_path / "t.db", "CREATE TABLE t (rowid TEXT, v TEXT)", "INSERT INTO t VALUES ('x', 'y')")
    assert cells(scan_file(tmp_path / "t.db")) == {("t", "rowid", "1"): "x", ("t", "v", "1"): "y"}


def test_a_table_without_rowid_is_sampled_by_its_key(tmp_path: Path) -> None:
    table = "t (id INTEGER PRIMARY KEY, v TEXT) WITHOUT ROWID"
    path = numbers(tmp_path / "t.db", [(n, f"v{n}") for n in range(500)], table=table)
    content = scan_file(path, max_rows_per_table=50)
    assert len(rows_read(content)) == 50
    assert all(text == f"v{row}" for (_, column, row), text in cells(content).items() if column == "v")


def test_sqlite_values_are_read_even_if_they_do_not_match_the_column_type(tmp_path: Path) -> None:
    write(
        tmp_path / "t.db",
        "CREATE TABLE t (born DATE, price DECIMAL(9,2), b BLOB, odd WIDGET)",
        "INSERT INTO t VALUES ('not a date', 'dear', x'00ff', 1.5), (20260102, 12, 'text', x'41'),"
        " ('x', CAST(x'ff41' AS TEXT), NULL, NULL)",
    )
    content = scan_file(tmp_path / "t.db")
    found = {(column, row): text for (_, column, row), text in cells(content).items()}
    assert (found["born", "1"], found["born", "2"], found["price", "1"]) == ("not a date", "20260102", "dear")
    assert (found["odd", "1"], found["odd", "2"], found["b", "2"]) == ("1.5", "A", "text")
    why = "1 of the values that were read are binary data"
    assert not_scanned_in(content) == {"t.price": why, "t.b": why}


@pytest.mark.parametrize(("rows", "key"), [(3, ""), (60, ""), (60, ", PRIMARY KEY (f0, f1)) WITHOUT ROWID")])
def test_a_table_of_two_thousand_columns_is_read(tmp_path: Path, rows: int, key: str) -> None:
    columns = ", ".join(f"f{number} TEXT" for number in range(2000))
    values = [f"INSERT INTO wide (f0, f1, f1999) VALUES ('a{row}', 'b', 'z{row}')" for row in range(rows)]
    write(tmp_path / "wide.db", f"CREATE TABLE wide ({columns}" + (key or ")"), *values)
    content = scan_file(tmp_path / "wide.db", max_rows_per_table=10)
    read = cells(content)
    assert not_scanned_in(content) == {}
    assert len(content["metadata"]["tables"][0]["columns"]) == 2000
    assert len({column for _, column, _ in read}) == 2000
    first = {row: text for (_, column, row), text in read.items() if column == "f0"}
    last = {row: text for (_, column, row), text in read.items() if column == "f1999"}
    assert len(first) == min(rows, 10)
    assert {row: text.replace("a", "z") for row, text in first.items()} == last


def test_postgres_values_of_every_type_are_read(postgres_url: str) -> None:
    run(
        postgres_url,
        "CREATE TYPE mood AS ENUM ('fine')",
        "CREATE TABLE t (id INT PRIMARY KEY, j JSONB, a TEXT[], d TIMESTAMP, z TIMESTAMPTZ, n NUMERIC, u UUID, b BYTEA,"
        " i INET, m mood, p POINT, span INTERVAL, ok BOOLEAN)",
        "INSERT INTO t VALUES (1, '{\"b\": 1, \"a\": 2}', '{x,y}', 'infinity', '2026-01-02 03:04+02', 'NaN', "
        "'00000000-0000-0000-0000-000000000007', '\\xff00', '192.0.2.1', 'fine', '(1,2)', '1 day', true)",
    )
    content = scan(postgres_url)
    found = {column: text for (_, column, _), text in cells(content).items()}
    assert not_scanned_in(content) == {"t.b": "1 of the values that were read are binary data"}
    assert found == {
        "id": "1",
        "j": '{"a": 2, "b": 1}',
        "a": "{x,y}",
        "d": "infinity",
        "z": "2026-01-02 01:04:00+00",
        "n": "NaN",
        "u": "00000000-0000-0000-0000-000000000007",
        "b": "",
        "i": "192.0.2.1/32",
        "m": "fine",
        "p": "(1,2)",
        "span": "P1D",
        "ok": "true",
    }


def test_a_value_beyond_the_limit_is_cut_and_reported(database_url: str) -> None:
    run(database_url, "CREATE TABLE t (v TEXT)", "INSERT INTO t VALUES ('1234567'), ('12345')")
    content = scan(database_url, max_value_size=5)
    assert set(cells(content).values()) == {"12345"}
    assert not_scanned_in(content) == {"t.v": "1 values were read only up to max_value_size (5)"}


def test_tables_and_columns_are_selected_by_patterns_and_the_others_are_reported(database_url: str) -> None:
    run(
        database_url,
        *(f"CREATE TABLE {name} (a TEXT, b TEXT)" for name in ("shop_one", "shop_two", "audit")),
        "CREATE VIEW shop_view AS SELECT a FROM shop_one",
        "INSERT INTO shop_one VALUES ('1', '2')",
    )
    content = scan(database_url, include_tables=["shop_*", "gone"], exclude_tables=["*_two"], exclude_columns=["*.b"])
    assert {(table, column): text for (table, column, _), text in cells(content).items()} == {
        ("shop_one", "a"): "1",
        ("shop_one", "b"): "",
    }
    assert not_scanned_in(content) == {
        "audit": "not among include_tables",
        "shop_two": "excluded by the pattern *_two",
        "shop_view": "a view: its data is scanned in its tables",
        "gone": "no table matches this pattern of include_tables",
        "shop_one.b": "excluded by the pattern *.b",
    }
    assert {entry["name"]: entry["code"] for entry in content["metadata"]["not_scanned"]} == {
        "audit": "not_included",
        "shop_two": "excluded",
        "shop_view": "duplicate",
        "gone": "no_match",
        "shop_one.b": "excluded",
    }


def test_all_postgres_schemas_are_read_and_partitions_only_once(postgres_url: str) -> None:
    run(
        postgres_url,
        'CREATE SCHEMA "Sales"',
        'CREATE TABLE "Sales".orders (id INT PRIMARY KEY)',
        'INSERT INTO "Sales".orders VALUES (1)',
        "CREATE TABLE visits (day INT) PARTITION BY LIST (day)",
        "CREATE TABLE visits_1 PARTITION OF visits FOR VALUES IN (1)",
        "INSERT INTO visits VALUES (1)",
        "CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM visits",
    )
    content = scan(postgres_url)
    assert set(cells(content)) == {("Sales.orders", "id", "1"), ("visits", "day", "#1")}
    assert set(not_scanned_in(content)) == {"totals"}
    assert set(cells(scan(postgres_url, schemas=["Sales"]))) == {("Sales.orders", "id", "1")}
    with pytest.raises(ComponentError, match=r"no schema 'sales'.*Did you mean 'Sales'"):
        scan(postgres_url, schemas=["sales"])


def test_a_table_without_read_permission_does_not_affect_others(postgres_url: str) -> None:
    role = f"reader_{os.getpid()}"
    run(postgres_url, "CREATE TABLE secret (a TEXT)", "CREATE TABLE shop (a TEXT)", "INSERT INTO shop VALUES ('1')")
    run(postgres_url, f"CREATE ROLE {role} LOGIN PASSWORD '{CANARY}'", f"GRANT SELECT ON shop TO {role}")
    try:
        url = sa.make_url(postgres_url).set(username=role, password=CANARY).render_as_string(hide_password=False)
        content = scan(url)
    finally:
        run(postgres_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert cells(content) == {("shop", "a", "#1"): "1"}
    assert not_scanned_in(content) == {"secret": "cannot be read: permission denied for table secret"}
    assert CANARY not in json.dumps(content)


def test_a_locked_table_is_reported_without_waiting(postgres_url: str, monkeypatch: Any) -> None:
    run(postgres_url, "CREATE TABLE busy (a TEXT)", "CREATE TABLE shop (a TEXT)", "INSERT INTO shop VALUES ('1')")
    monkeypatch.setattr(transactions, "LOCK_TIMEOUT_S", 0.1)
    engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)
    with engine.begin() as owner:
        owner.exec_driver_sql("LOCK TABLE busy")
        content = scan(postgres_url)
    engine.dispose()
    assert cells(content) == {("shop", "a", "#1"): "1"}
    assert not_scanned_in(content) == {"busy": "cannot be read: canceling statement due to lock timeout"}


def test_the_transaction_is_read_only(database_url: str) -> None:
    run(database_url, "CREATE TABLE t (a TEXT)")
    url = sa.make_url(database_url)
    file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    statements = ["INSERT INTO t VALUES ('x')", "DROP TABLE t", "CREATE TABLE u (a TEXT)", "DELETE FROM t"]
    for statement in statements:
        with pytest.raises(ComponentError, match=r"read-?only|readonly"):
            read_consistently(
                Database(url, "the shop", file), lambda connection, do=statement: connection.exec_driver_sql(do)
            )


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_sqlite_file_and_its_folder_are_not_changed(tmp_path: Path, journal: str) -> None:
    path = tmp_path / "shop.db"
    write(path, f"PRAGMA journal_mode={journal}", "CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES ('x')")
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert list(cells(scan_file(path)).values()) == ["x"]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [item.name for item in tmp_path.iterdir()] == ["shop.db"]


def test_committed_data_of_a_concurrent_writer_is_read(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=wal")
        writer.execute("CREATE TABLE t (a TEXT)")
        writer.execute("INSERT INTO t VALUES ('committed')")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO t VALUES ('not yet')")
        assert list(cells(scan_file(path)).values()) == ["committed"]


def test_a_file_that_changes_during_the_read_is_read_again_consistently(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    write(path, "PRAGMA journal_mode=wal", "CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES ('old')")
    seen: list[list[str]] = []

    def read(connection: sa.Connection) -> list[str]:
        if not seen:
            write(path, "UPDATE t SET a = 'new'")
        seen.append(list(connection.execute(sa.text("SELECT a FROM t")).scalars()))
        return seen[-1]

    assert read_consistently(Database(sa.make_url("sqlite://"), "shop.db", path), read) == ["new"]
    assert len(seen) == 2


def test_a_relative_path_starts_from_the_runbooks_folder_with_any_name(tmp_path: Path) -> None:
    for name in ("shop #1?.db", "shop #1.db"):
        write(tmp_path / name, "CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES ('x')")
    with use_working_directory(tmp_path):
        contents = [scan_file("shop #1?.db"), scan("sqlite:///shop #1.db")]
    assert [list(cells(content).values()) for content in contents] == [["x"], ["x"]]
    assert [content["source"] for content in contents] == ["shop #1?.db", "shop #1.db"]


@pytest.mark.parametrize("content", [None, b"not a database, but long enough to be examined as one" * 20])
def test_a_missing_or_invalid_sqlite_file_is_an_error_and_is_not_created(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "shop.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ComponentError, match=r"shop\.db"):
        scan_file(path)
    assert path.exists() == (content is not None)


def test_a_folder_is_not_a_sqlite_file(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="is not a file"):
        scan_file(tmp_path)


def test_an_unreachable_database_is_reported_without_its_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ComponentError) as raised:
        scan(f"postgresql://app:{CANARY}@127.0.0.1:{port}/shop")
    assert f"127.0.0.1:{port}/shop" in str(raised.value)
    assert "efused" in str(raised.value)
    assert CANARY not in f"{raised.value} {raised.value.__cause__}"


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A port that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_never_responds_times_out(silent_server: int) -> None:
    done = threading.Event()

    def attempt() -> None:
        with pytest.raises(ComponentError, match="timeout"):
            scan(f"postgresql://app:{CANARY}@127.0.0.1:{silent_server}/shop", connect_timeout=2)
        done.set()

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert done.is_set()
