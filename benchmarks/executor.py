"""The cost of the executor itself: artifacts that do nothing, in several shapes, on every store.

`python -m benchmarks.executor [--quick]`
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import sqlalchemy as sa

from benchmarks.databases import bytes_in, postgres, sqlite
from benchmarks.measuring import Measured, measured, print_table
from tests.builders.callers import CALLER
from waivern import DAGExecutor, ExecutionPlan, InMemoryArtifactStore
from waivern.database.runs.run_store import SqlRunStore
from waivern.runs.run import RunStatus
from waivern.testing.builders import plan_of_dag, registry_of

Dag = dict[str, list[str]]
Run = Callable[[ExecutionPlan], None]


def chain(number: int) -> Dag:
    return {f"a{index}": [f"a{index - 1}"] if index else [] for index in range(number)}


def fan_out(number: int) -> Dag:
    return {"root": [], **{f"a{index}": ["root"] for index in range(number - 1)}}


def layers(depth: int, width: int) -> Dag:
    """`depth` layers of `width` artifacts, each of which depends on all of the layer before."""
    return {
        f"l{layer}_{index}": [f"l{layer - 1}_{before}" for before in range(width)] if layer else []
        for layer in range(depth)
        for index in range(width)
    }


def do_nothing(properties: Mapping[str, Any], _inputs: Sequence[Any] = ()) -> dict[str, Any]:
    return {"data": [properties["name"]]}


def in_memory(plan: ExecutionPlan) -> None:
    registry = registry_of(InMemoryArtifactStore(), connectors={"make": do_nothing}, analysers={"make": do_nothing})
    result = asyncio.run(DAGExecutor(registry).execute(plan))
    assert result.status is RunStatus.SUCCEEDED


def on_database(engine: sa.Engine) -> Run:
    def run(plan: ExecutionPlan) -> None:
        handle = SqlRunStore(engine).create(plan, trigger="benchmark", caller=CALLER)
        registry = registry_of(handle.store, connectors={"make": do_nothing}, analysers={"make": do_nothing})
        executor = DAGExecutor(registry, keep_messages=False)
        result = asyncio.run(executor.execute(plan, run_log=handle.log))
        assert result.status is RunStatus.SUCCEEDED

    return run


def bare_commits(number: int, synchronous: str) -> Callable[[], None]:
    """Return the lower bound: two transactions per artifact on a bare SQLite connection."""

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            connection = sqlite3.connect(f"{folder}/bound.db", isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute("CREATE TABLE artifact (id TEXT PRIMARY KEY, status TEXT, content BLOB)")
            for index in range(number):
                connection.execute("INSERT INTO artifact VALUES (?, 'running', NULL)", (f"a{index}",))
                connection.execute(
                    "UPDATE artifact SET status = 'succeeded', content = ? WHERE id = ?", (b"{}", f"a{index}")
                )
            connection.close()

    return work


def thread_calls(number: int) -> Callable[[], None]:
    """Return the lower bound in memory: one call into a thread pool per artifact, one after the other."""

    async def calls() -> None:
        for _ in range(number):
            await asyncio.to_thread(int)

    return lambda: asyncio.run(calls())


def row(store: str, shape: str, number: int, cost: Measured, bound: Measured) -> list[object]:
    return [
        store,
        shape,
        number,
        cost.wall_s / number * 1000,
        cost.cpu_s / number * 1000,
        number / cost.wall_s,
        cost.wall_s / bound.wall_s,
    ]


def measure_shapes(stores: Mapping[str, Run], bounds: Mapping[str, Measured], *, times: int) -> None:
    shapes = {"chain": chain(1000), "fan-out": fan_out(1000), "20 layers of 50": layers(20, 50)}
    rows = []
    for store, run in stores.items():
        for shape, dag in shapes.items():
            plan = plan_of_dag(dag)
            rows.append(row(store, shape, len(dag), measured(lambda: run(plan), times=times), bounds[store]))
    print_table("1,000 artifacts that do nothing", HEADER, rows)


def measure_flatness(stores: Mapping[str, Run], bounds: Mapping[str, Measured], *, times: int) -> None:
    rows = []
    for store, run in stores.items():
        for number in (250, 1000, 4000):
            plan = plan_of_dag(chain(number))
            cost = measured(lambda: run(plan), times=times)
            bound = Measured(bounds[store].wall_s * number / 1000, 0)
            rows.append(row(store, "chain", number, cost, bound))
    print_table("The cost of an artifact as the chain grows", HEADER, rows)


HEADER = ("store", "shape", "artifacts", "wall ms each", "CPU ms each", "per second", "x lower bound")


def measure_bytes() -> None:
    with sqlite("NORMAL") as engine:
        before = bytes_in(engine)
        on_database(engine)(plan_of_dag(chain(1000)))
        first = bytes_in(engine) - before
        on_database(engine)(plan_of_dag(chain(1000)))
        second = bytes_in(engine) - before - first
    print_table(
        "Bytes per artifact that does nothing (SQLite, chain of 1,000)",
        ("first run", "the same run again"),
        [[first / 1000, second / 1000]],
    )


def measure_slow_beside_chain() -> None:
    def sleep(properties: Mapping[str, Any], _inputs: Sequence[Any] = ()) -> dict[str, Any]:
        time.sleep(2.0 if properties["name"] == "slow" else 0.2)
        return {"data": []}

    plan = plan_of_dag({"slow": [], **chain(10)})
    registry = registry_of(InMemoryArtifactStore(), connectors={"make": sleep}, analysers={"make": sleep})
    cost = measured(lambda: asyncio.run(DAGExecutor(registry).execute(plan)), times=3)
    print_table(
        "A source of 2 s beside a chain of ten steps of 0.2 s",
        ("wall s", "ideal s", "x ideal", "s with execution by levels"),
        [[cost.wall_s, 2.0, cost.wall_s / 2.0, 3.8]],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    times = 1 if parser.parse_args().quick else 5
    with ExitStack() as stack:
        engines = {
            "SQLite NORMAL": stack.enter_context(sqlite("NORMAL")),
            "SQLite FULL": stack.enter_context(sqlite("FULL")),
            "Postgres": stack.enter_context(postgres()),
        }
        stores: dict[str, Run] = {
            "memory": in_memory,
            **{name: on_database(engine) for name, engine in engines.items()},
        }
        normal = measured(bare_commits(1000, "NORMAL"), times=times)
        bounds = {
            "memory": measured(thread_calls(1000), times=times),
            "SQLite NORMAL": normal,
            "SQLite FULL": measured(bare_commits(1000, "FULL"), times=times),
            "Postgres": normal,
        }
        measure_shapes(stores, bounds, times=times)
        measure_flatness({name: stores[name] for name in ("memory", "SQLite NORMAL")}, bounds, times=times)
    print("lower bound: in memory, a call into a thread; in databases, a pair of SQLite commits")
    measure_bytes()
    measure_slow_beside_chain()


if __name__ == "__main__":
    main()
