"""Work counted instead of timed, so that the result does not depend on the machine or its load."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import sqlalchemy as sa


def steps_of(work: Callable[[], object]) -> int:
    """Return how many lines of Python were run for `work`, each turn of a loop counted.

    What a call of C code does is one step, whatever it is.
    """
    steps = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return steps


def times_the_steps(work: Callable[[int], object], size: int, *, larger: int = 4) -> float:
    """Return how many times the steps `work` takes when it is given `larger` times `size`, beside those at `size`."""
    work(1)  # exclude one-time set-up
    return steps_of(lambda: work(size * larger)) / steps_of(lambda: work(size))


def database_work_of(engine: sa.Engine, work: Callable[[], object]) -> int:
    """Return the database work of `work`: instructions run by SQLite, or rows read by Postgres."""
    return (_instructions if engine.dialect.name == "sqlite" else _rows_read)(engine, work)


def _instructions(engine: sa.Engine, work: Callable[[], object]) -> int:
    hundreds = 0

    def count() -> None:
        nonlocal hundreds
        hundreds += 1

    def watch(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(count, 100)

    def leave(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(None, 0)

    sa.event.listen(engine, "checkout", watch)
    sa.event.listen(engine, "checkin", leave)
    try:
        work()
    finally:
        sa.event.remove(engine, "checkout", watch)
        sa.event.remove(engine, "checkin", leave)
    return 100 * hundreds


def _rows_read(engine: sa.Engine, work: Callable[[], object]) -> int:
    def flush(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")

    def read() -> int:
        counted = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables"
        with engine.connect() as connection:
            return int(connection.exec_driver_sql(counted).scalar_one())

    sa.event.listen(engine, "commit", flush)
    try:
        with engine.begin() as connection:
            connection.execute(sa.select(1))  # count earlier reads now, not with the work
        before = read()
        work()
        return read() - before
    finally:
        sa.event.remove(engine, "commit", flush)
