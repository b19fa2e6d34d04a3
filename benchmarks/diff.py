"""The time of a diff of two large runs, and the bytes that a run adds whose findings do not change.

`python -m benchmarks.diff [--findings 100000]`
"""

import argparse
from typing import Any

import sqlalchemy as sa

from benchmarks.databases import bytes_in, postgres, sqlite
from benchmarks.measuring import measured, print_table
from tests.builders.callers import CALLER
from waivern import Message, Schema
from waivern.bootstrap import build_application
from waivern.database.runs.run_store import SqlRunStore
from waivern.operations.findings.compare_runs import compare_runs, comparison_as_json
from waivern.runs.run import RunStatus
from waivern.settings import Settings
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"source": [], "found": ["source"]})
INDICATOR = Schema("personal_data_indicator", "1.0.0")
REPEATED = 20


def entry(number: int, *, count: int) -> dict[str, Any]:
    return {
        "fingerprint": f"{number * 2654435761 % 2**32:08x}{number:024x}",
        "category": "email",
        "rule": "email_address",
        "location": {"file_path": f"folder{number % 100}/file{number}.txt", "lines": [1]},
        "evidence": [{"content": "a***@e***.org", "line": 1}],
        "matched_patterns": [{"pattern": "value: address", "match_count": count}],
        "confidence": 0.9,
        "severity": "medium",
        "metadata": {"source": "files"},
    }


def message(numbers: range, *, others: int = 0) -> Message:
    """Return a message with one finding per number; every hundredth one, or none, differs from the run before."""
    found = [entry(number, count=2 if others and number % others == 1 else 1) for number in numbers]
    analysis = {"ruleset": "local/x/1.0.0", "rules_version": "1", "scanned": len(numbers)}
    return Message("", {"findings": found, "summary": {}, "analysis_metadata": analysis}, INDICATOR)


def run_with(engine: sa.Engine, found: Message) -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    run.store.save("source", message_of(found=1))
    run.store.save("found", found)
    run.log.close(RunStatus.SUCCEEDED)
    return run.run_id


def bytes_of_a_run(engine: sa.Engine, found: Message) -> float:
    """Return how many bytes another run with the same findings adds, once none of them is new."""
    for _ in range(3):
        run_with(engine, found)
    before = bytes_in(engine)
    for _ in range(REPEATED):
        run_with(engine, found)
    return (bytes_in(engine) - before) / REPEATED


def measure(name: str, engine: sa.Engine, number: int) -> list[list[object]]:
    url = engine.url.render_as_string(hide_password=False)
    application = build_application(Settings(database_url=url), environment={})
    alone = bytes_of_a_run(engine, message(range(1)))
    many = bytes_of_a_run(engine, message(range(number)))
    base = run_with(engine, message(range(number)))
    hundredth = number // 100
    head = run_with(engine, message(range(hundredth, number + hundredth), others=100))
    compared = measured(lambda: compare_runs(application, base, head), times=3)
    comparison = compare_runs(application, base, head)
    as_json = measured(lambda: comparison_as_json(comparison), times=3)
    print(f"{name}: {comparison.counts()}")
    application.close()
    return [
        [name, "diff, wall s", compared.wall_s],
        [name, "diff, CPU s of this process", compared.cpu_s],
        [name, "the same as JSON, CPU s", as_json.cpu_s],
        [name, "bytes that one more unchanged run adds, with 1 finding", alone],
        [name, f"the same with {number:,}", many],
        [name, "so bytes an unchanged finding costs a run", (many - alone) / number],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=100_000)
    arguments = parser.parse_args()
    with sqlite("NORMAL") as engine:
        table = measure("SQLite", engine, arguments.findings)
    with postgres() as engine:
        table += measure("Postgres", engine, arguments.findings)
    print_table(f"Two runs with {arguments.findings:,} findings each", ("database", "what", "measured"), table)


if __name__ == "__main__":
    main()
