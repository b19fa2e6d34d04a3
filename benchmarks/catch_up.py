"""Catching up after a long downtime: `python -m benchmarks.catch_up [DAYS]`, 365 days of `* * * * *` by default."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import event

from benchmarks.databases import postgres, sqlite
from benchmarks.measuring import print_table
from tests.builders.callers import CALLER
from tests.builders.schedules import a_definition
from waivern.database.connection.engine import writing
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.tables import schedules
from waivern.runs.run import utc_now
from waivern.schedules.schedule import CatchUp
from waivern.schedules.timing import Cron, Every

_TIMINGS = (Cron("* * * * *"), Cron("* * * * *", "Europe/London"), Every(60, utc_now() - timedelta(days=4000)))
_POLICIES = (CatchUp.LATEST, CatchUp.ALL)
_BUDGET_S = 60.0


def catch_up(engine: sa.Engine, timing: Cron | Every, policy: CatchUp, days: float) -> tuple[float, float, float, int]:
    """Return CPU seconds, wall seconds, the longest transaction that writes in ms, and the number of queued runs."""
    store = SqlScheduleStore(engine)
    schedule = store.add(a_definition(timing, name=f"{timing} {policy}", catch_up=policy), caller=CALLER)
    with writing(engine) as connection:
        missed = sa.update(schedules).where(schedules.c.id == schedule.id)
        connection.execute(missed.values(evaluated_until=utc_now() - timedelta(days=days)))
    began, cpu, queued, is_complete = time.perf_counter(), time.process_time(), 0, False
    with longest_transaction(engine) as longest:
        while not is_complete and time.perf_counter() - began < _BUDGET_S:
            (result,) = store.evaluate([schedule.id])
            queued += len(result.runs)
            is_complete = result.is_complete
    store.remove(schedule.id, caller=CALLER)
    return time.process_time() - cpu, time.perf_counter() - began, 1000 * longest(), queued


@contextmanager
def longest_transaction(engine: sa.Engine) -> Iterator[Callable[[], float]]:
    """Yield a function that returns the seconds of the longest transaction that writes, within the block."""
    begun: dict[int, float] = {}
    lasted = [0.0]

    def begin(connection: sa.Connection) -> None:
        begun[id(connection.connection.driver_connection)] = time.perf_counter()

    def commit(connection: sa.Connection) -> None:
        since = begun.pop(id(connection.connection.driver_connection), time.perf_counter())
        lasted.append(time.perf_counter() - since)

    event.listen(engine, "begin", begin)
    event.listen(engine, "commit", commit)  # a transaction that only reads is rolled back
    try:
        yield lambda: max(lasted)
    finally:
        event.remove(engine, "begin", begin)
        event.remove(engine, "commit", commit)


def main() -> None:
    days = float(sys.argv[1]) if len(sys.argv) > 1 else 365.0
    rows = []
    for name, database in (("SQLite", sqlite("FULL")), ("Postgres", postgres())):
        with database as engine:
            for timing in _TIMINGS:
                for policy in _POLICIES:
                    where = f"{timing.expression} {timing.timezone}" if isinstance(timing, Cron) else "every minute"
                    rows.append((name, where, policy.value, *catch_up(engine, timing, policy, days)))
    header = ("database", "timing", "catch_up", "CPU s", "wall s", "longest write ms", "runs")
    print_table(f"{days:g} days unserved; at most {_BUDGET_S:g} s each", header, rows)


if __name__ == "__main__":
    main()
