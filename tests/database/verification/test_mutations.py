"""Every value and row of a full database is tampered with: `verify` notices, or docs/audit.md lists the exception."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.thoroughness import THOROUGH, in_sample
from tests.database.archive.test_archiving import another_sqlite, moved
from tests.database.archive.test_archiving import run_with as other_run_with
from tests.database.verification.test_verification import PLAN, altered, entry, run_with
from waivern.caller import Caller
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.decisions.decision_log import SqlDecisionLog
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.tables import metadata
from waivern.database.verification.verifier import tolerant_texts, verify_in
from waivern.history.decision_log import DecisionFile
from waivern.history.decisions import Decision, Origin, Verdict
from waivern.history.gates import GateResult
from waivern.history.retention import PruneRequest
from waivern.history.verification import Verification
from waivern.runbooks.model.gate import parse_gate
from waivern.runs.run import RunStatus
from waivern.runs.run_store import NewRun
from waivern.schedules.schedule import ScheduleDefinition
from waivern.schedules.timing import Cron, Every
from waivern.testing.builders import message_of

AUDIT_PAGE = Path(__file__).parents[3] / "docs" / "audit.md"
SAMPLE = 0.15
"""The share of the changes of single values that is tried by default."""

EXCEPTION = re.compile(r"^\| `(\w+)` \| (all|rows|`\w+`(?:, `\w+`)*) \| [^|]+ \|$", re.MULTILINE)
Mutation = tuple[str, str, str]
"""Table, column ("rows" for whole rows), and what was done to it."""


@pytest.fixture
def full(engine: sa.Engine, tmp_path: Path) -> sa.Engine:
    """A database in which every table that `verify` reads has rows."""
    (tmp_path / "origin").mkdir()
    with another_sqlite(tmp_path / "origin") as origin:
        archived = [other_run_with(origin, {"e": 1}), other_run_with(origin, {"e": 1, "f": 2}, retain="none")]
        moved(origin, engine, archived, tmp_path / "runs.zip")
    runs = [run_with(engine, entry("a"), entry("b")), run_with(engine, entry("b", 2), entry("c"))]
    retention = SqlRetention(engine)
    erased = [content.digest for content in retention.contents_of_run(runs[0], "found")]
    retention.erase(erased, reason="request 7", caller=CALLER)
    retention.prune(PruneRequest(older_than=timedelta(0)), caller=CALLER)
    runs.append(run_with(engine, entry("c"), status=RunStatus.FAILED))
    resumed = SqlRunStore(engine).resume(runs[-1], PLAN, caller=CALLER)
    resumed.store.save("again", message_of(found=3))
    resumed.log.close(RunStatus.SUCCEEDED)
    run_with(engine, entry("c"), entry("d"))
    SqlRunStore(engine).enqueue(NewRun(runbook=Path("/x.yaml"), runbook_name="built", trigger="manual"))
    decide_and_schedule(engine, runs)
    return engine


def decide_and_schedule(engine: sa.Engine, runs: Sequence[str]) -> None:
    log = SqlDecisionLog(engine)
    made = {"reason": "why", "owner": "dpo"}
    log.decide(Decision(Verdict.SUPPRESSED, fingerprint="b" * 32, until=date(2999, 1, 1), **made), caller=CALLER)
    log.decide(Decision(Verdict.ACCEPTED, fingerprint="c" * 32, **made), caller=Caller("bo@desk"))
    by_rule = Decision(Verdict.ACCEPTED, rule="email_address", location="*.md", origin=Origin.FILE, **made)
    log.use_file(PLAN.runbook.name, DecisionFile("d.yaml", "1" * 64, [by_rule]), run_id=runs[1], caller=CALLER)
    for violations in (3, 2):
        results = [GateResult(parse_gate("any"), violations=violations), GateResult(parse_gate("incomplete"))]
        log.record_gates(runs[1], results, caller=CALLER)
    store = SqlScheduleStore(engine)
    terms = {"runbook": Path("/x.yaml"), "runbook_name": "x"}
    notify = {"command": ["mail"], "events": ["failed"]}
    first = store.add(
        ScheduleDefinition(name="daily", timing=Cron("0 2 * * *", "UTC"), notify=notify, **terms), caller=CALLER
    )
    second = store.add(ScheduleDefinition(name="often", timing=Cron("0 3 * * *", "UTC"), **terms), caller=CALLER)
    third = store.add(ScheduleDefinition(name="never", timing=Cron("0 4 * * *", "UTC"), **terms), caller=CALLER)
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    store.change(second.id, ScheduleDefinition(name="often", timing=Every(3600.0, anchor), **terms), caller=CALLER)
    store.pause(second.id, because="holidays", caller=CALLER)
    store.remove(third.id, caller=CALLER)
    store.trigger(first.id)


def verified(connection: sa.Connection) -> Verification:
    return verify_in(connection, run_id=None, progress=lambda _what, _done: None)


def exceptions() -> Mapping[str, set[str]]:
    """The exceptions in docs/audit.md by table: columns; "rows" for whole rows, "all" for everything."""
    listed: dict[str, set[str]] = {}
    for table, columns in EXCEPTION.findall(AUDIT_PAGE.read_text(encoding="utf-8")):
        listed.setdefault(table, set()).update(re.findall(r"\w+", columns))
    return listed


class Tampering:
    """Changes a database in a transaction that is rolled back, without foreign keys and check constraints."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._is_sqlite = connection.dialect.name == "sqlite"
        self._random = random.Random(7)
        self.unnoticed: list[Mutation] = []
        self.count = 0
        raw: Any = connection.connection.driver_connection
        if self._is_sqlite:
            raw.execute("PRAGMA foreign_keys = OFF")
            raw.execute("PRAGMA ignore_check_constraints = ON")

    def try_all(self, table: sa.Table) -> None:
        rows = [row for row in self._rows(table) if table.name != "runs" or "queued" not in tuple(row)]
        names = [column.name for column in table.columns]
        for column in table.columns:
            place = names.index(column.name)
            filled, empty = [row for row in rows if row[place] is not None], [row for row in rows if row[place] is None]
            for row in (*filled[:1], *filled[1:][-1:], *empty[-1:]):
                for how, value in self._values(row[place]):
                    self._try((table.name, column.name, how), [self._update(table, column, row, value)])
            for how, value in self._wrong_types():
                for row in (filled or empty)[:1]:
                    self._try((table.name, column.name, how), [self._update(table, column, row, value)])
        for column in table.columns:
            self._try_swap(table, column, rows)
        for row in (*rows[:1], *rows[len(rows) // 2 : len(rows) // 2 + 1], *rows[-1:]):
            where, values = self._where(table, row)
            self._try((table.name, "rows", "delete"), [(f'DELETE FROM "{table.name}" WHERE {where}', values)])
        if rows:
            self._try((table.name, "rows", "delete all"), [(f'DELETE FROM "{table.name}"', {})])
            self._try((table.name, "rows", "insert copy"), [self._copy(table, rows)])

    def _values(self, value: Any) -> Iterator[tuple[str, Any]]:
        if value is None:
            yield "fill", "x"
        else:
            yield "change", next(new for _ in range(50) if (new := altered(value, self._random)) != value)
            yield "null", None

    def _wrong_types(self) -> Iterator[tuple[str, Any]]:
        if self._is_sqlite:
            yield from (("text", "odd"), ("number", 2**62), ("bytes", b"\xff\x00"), ("not UTF-8", _NOT_UTF_8))

    def _try_swap(self, table: sa.Table, column: "sa.Column[Any]", rows: Sequence[Any]) -> None:
        place = [sibling.name for sibling in table.columns].index(column.name)
        different = [row for row in rows if row[place] != rows[0][place]]
        if column.primary_key or not different:
            return
        one, two = rows[0], different[0]
        changes = [self._update(table, column, one, two[place]), self._update(table, column, two, one[place])]
        self._try((table.name, column.name, "swap"), changes)

    def _try(self, mutation: Mutation, statements: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        if mutation[1] != "rows" and not in_sample(share=SAMPLE):
            return
        connection = self._connection
        try:
            if not self._is_sqlite:
                connection.exec_driver_sql("SET LOCAL session_replication_role = 'replica'")
            for statement, values in statements:
                connection.execute(sa.text(statement), values)
        except (sa.exc.DBAPIError, OverflowError, UnicodeEncodeError):
            connection.rollback()  # the database refuses it
            return
        self.count += 1
        try:
            if verified(connection).is_intact:
                self.unnoticed.append(mutation)
        except Exception as error:
            raise AssertionError(f"verify does not survive {mutation}: {statements}") from error
        finally:
            connection.rollback()

    def _rows(self, table: sa.Table) -> Sequence[Any]:
        columns = [
            sa.cast(column, sa.Text)
            if isinstance(column.type, sa.JSON)
            else sa.type_coerce(column, sa.types.NullType())
            for column in table.columns
        ]
        rows = self._connection.execute(sa.select(*columns).order_by(*table.primary_key)).all()
        self._connection.rollback()
        return rows

    def _where(self, table: sa.Table, row: Any) -> tuple[str, dict[str, Any]]:
        names = [column.name for column in table.columns]
        key = {f"key_{column.name}": row[names.index(column.name)] for column in table.primary_key}
        return " AND ".join(f'"{column.name}" = :key_{column.name}' for column in table.primary_key), key

    def _update(self, table: sa.Table, column: "sa.Column[Any]", row: Any, value: Any) -> tuple[str, Mapping[str, Any]]:
        where, key = self._where(table, row)
        if value is _NOT_UTF_8:
            return f'UPDATE "{table.name}" SET "{column.name}" = CAST(x\'61ff62\' AS TEXT) WHERE {where}', key
        is_json = isinstance(column.type, sa.JSON) and not self._is_sqlite
        new = "CAST(:new AS json)" if is_json else ":new"
        return f'UPDATE "{table.name}" SET "{column.name}" = {new} WHERE {where}', {"new": value, **key}

    def _copy(self, table: sa.Table, rows: Sequence[Any]) -> tuple[str, Mapping[str, Any]]:
        """The last row once more, with a different key and different unique columns."""
        values = dict(zip((column.name for column in table.columns), rows[-1], strict=True))
        last_key = list(table.primary_key)[-1].name
        for name in {last_key, *({"id", "hash", "digest"} & values.keys())}:
            is_number = isinstance(values[name], int)
            values[name] = values[name] + 1000 if is_number else altered(values[name], self._random)
        if table.name == "runs":
            values["due_at"] = None
        columns = ", ".join(f'"{name}"' for name in values)
        casts = {column.name: isinstance(column.type, sa.JSON) and not self._is_sqlite for column in table.columns}
        new = ", ".join(f"CAST(:{name} AS json)" if casts[name] else f":{name}" for name in values)
        return f'INSERT INTO "{table.name}" ({columns}) VALUES ({new})', values


_NOT_UTF_8 = object()
"""A text that is not valid UTF-8."""


@pytest.mark.slow
def test_verify_notices_every_change_except_the_documented_ones(full: sa.Engine) -> None:
    with full.connect() as connection:
        base = verified(connection)
        assert base.mismatches == []
        connection.rollback()
        tampering = Tampering(connection)
        if full.dialect.name == "sqlite":
            with tolerant_texts(connection):
                for table in metadata.tables.values():
                    tampering.try_all(table)
        else:
            for table in metadata.tables.values():
                tampering.try_all(table)
    allowed = exceptions()
    undocumented = sorted(
        {change for change in tampering.unnoticed if not {"all", change[1]} & allowed.get(change[0], set())}
    )
    assert undocumented == []
    assert tampering.count > (500 if THOROUGH else 100)


def test_documented_exceptions_name_tables_and_columns_that_exist() -> None:
    listed = exceptions()
    assert listed
    for table, columns in listed.items():
        assert columns - {"all", "rows"} <= {column.name for column in metadata.tables[table].columns}, table
