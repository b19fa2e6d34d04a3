"""What people ask interactively is answered by indexes: no statement reads a whole table that grows with the runs."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.database.findings.test_finding_history import PLAN, entry, message
from waivern.database.audit_log import SqlAuditLog
from waivern.database.connection.engine import writing
from waivern.database.connection.inserts import insert_ignore
from waivern.database.current.current_findings import SqlCurrentFindings
from waivern.database.current.refresh import newest_complete
from waivern.database.current.verdicts import verdicts_changed_by
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.retention.blob_gc import collect_garbage
from waivern.database.retention.retention_rules import add_gc_candidates
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schedules.service_store import SqlServiceStore
from waivern.database.schema.artifact_view import intern_declarations
from waivern.database.schema.tables import blobs
from waivern.errors import RunError
from waivern.history.current_findings import FindingFilter, FindingStatus, Order
from waivern.history.decisions import ActiveDecisions, Decision, Verdict
from waivern.history.retention import PruneRequest
from waivern.history.run_records import LATEST, RunFilter
from waivern.runs.run import RunStatus, new_run_id
from waivern.testing.builders import message_of

LARGE = (
    *("runs", "artifacts", "events", "imported_events", "findings", "finding_snapshots", "current_findings", "blobs"),
    *("schedule_triggers", "run_attempts", "artifact_attempts", "run_gates", "notifications"),
)
TODAY = date(2026, 12, 1)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
RULE = Decision(Verdict.SUPPRESSED, "why", "who", rule="email_address", location="a.txt", runbook="Scan")
Operation = Callable[[sa.Engine], object]


def history(**fields: Any) -> Operation:
    return lambda engine: SqlHistory(engine).recent(RunFilter(**fields), limit=20)


def events(**fields: Any) -> Operation:
    return lambda engine: SqlAuditLog(engine).newest(limit=20, **fields)


def current(finding_filter: FindingFilter, order: Order = Order.NEWEST) -> Operation:
    return lambda engine: SqlCurrentFindings(engine).page(
        finding_filter, order=order, after=None, limit=20, today=TODAY
    )


def executing(statement: sa.Executable) -> Operation:
    def execute(engine: sa.Engine) -> None:
        with engine.connect() as connection:
            connection.execute(statement).all()

    return execute


def find_run(prefix: str) -> Operation:
    def find(engine: sa.Engine) -> None:
        with suppress(RunError):
            SqlHistory(engine).find(prefix)

    return find


def judge_by_rule(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        verdicts_changed_by(connection, "Scan", [RULE], ActiveDecisions([RULE], today=TODAY))


def close_runs(engine: sa.Engine) -> None:
    """Close runs that hold findings: while there is no complete run, and while each decides before it is closed."""
    for status in (RunStatus.FAILED, RunStatus.SUCCEEDED, RunStatus.SUCCEEDED):
        run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
        run.store.save("source", message_of(found=1))
        run.store.save("found", message([entry("a")]))
        run.log.close(status)


def prune_with_retention(engine: sa.Engine) -> None:
    """Prune while every kind of retention is in use and nothing is due."""
    with writing(engine) as connection:
        for retain in ("none", "until_success", "2592000.0"):
            declared = {"position": 0, "kind": "source", "output": False, "optional": False, "retain": retain}
            intern_declarations(connection, [declared])
    SqlRetention(engine).prune(PruneRequest(), caller=CALLER)


def collect_a_content(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        values = {"digest": "ab" * 32, "codec": "raw", "size": 2, "stored_size": 2, "data": b"{}", "checksum": 0}
        connection.execute(insert_ignore(connection, blobs), values)
        add_gc_candidates(connection, {"ab" * 32})
    collect_garbage(engine, actor="a test")


OPERATIONS: Mapping[str, Operation] = {
    "history of a runbook": history(runbook="Scan"),
    "history of a schedule": history(schedule="nightly"),
    "history by trigger": history(trigger="backfill"),
    "history by status": history(status=RunStatus.FAILED),
    "history since": history(since=NOW - timedelta(days=7)),
    "history of interrupted runs": history(status=RunStatus.INTERRUPTED),
    "a run by its id": find_run(new_run_id(NOW)),
    "a run by a prefix": find_run("fa1b2c3d"),
    "the newest complete run": executing(newest_complete("Scan")),
    "what is due to be pruned": prune_with_retention,
    "the end of a run": close_runs,
    "events by time": events(since=NOW),
    "events by kind and time": events(kinds=["run.closed"], since=NOW),
    "events of a kind": events(kinds=["run.closed"]),
    "findings of a category": current(FindingFilter(category="email")),
    "findings of a runbook": current(FindingFilter(runbook="Scan")),
    "findings of a status": current(FindingFilter(status=FindingStatus.NEW)),
    "findings of a severity": current(FindingFilter(severity="high"), Order.SEVERITY),
    "a fingerprint by a prefix": lambda engine: SqlCurrentFindings(engine).fingerprints("3f2a91", limit=5),
    "a finding": lambda engine: SqlCurrentFindings(engine).with_fingerprint("3" * 32, today=TODAY),
    "the presences of a finding": lambda engine: SqlCurrentFindings(engine).presences_of("3" * 32),
    "findings of a rule": judge_by_rule,
    "artifacts of a content": collect_a_content,
    "the list of schedules": lambda engine: SqlScheduleStore(engine).last_runs(),
    "the status": lambda engine: SqlServiceStore(engine).status(),
    "the history": history(),
    "the latest run": find_run(LATEST),
    "the newest events": events(),
    "the newest findings": current(FindingFilter()),
}
NEEDED = {
    "ix_runs_trigger_created_at": "history by trigger",
    "ix_runs_complete": "the newest complete run",
    "ix_runs_ended_at": "what is due to be pruned",
    "ix_runs_restored": "what is due to be pruned",
    "ix_events_at": "events by time",
    "ix_current_findings_rule_cursor_id": "findings of a rule",
    "ix_artifacts_digest_prefix": "artifacts of a content",
}
SMALL_INDEXES = ("ix_blobs_manifests", "ix_runs_restored")  # of few rows, which are all read
NARROWER = ("the newest complete run", "findings of a rule")  # without its index, another one reads more rows


def test_no_interactive_question_reads_a_whole_table(engine: sa.Engine) -> None:
    scans = {question: scans_of(engine, operation) for question, operation in OPERATIONS.items()}
    assert {question: steps for question, steps in scans.items() if steps} == {}


def test_each_index_is_used_and_its_absence_is_noticed(engine: sa.Engine) -> None:
    for index, question in NEEDED.items():
        operation = OPERATIONS[question]
        assert any(index in plan for _, plan in plans_of(engine, operation)), index
        with writing(engine) as connection:
            connection.exec_driver_sql(f"DROP INDEX {index}")
        engine.dispose()  # SQLite's driver caches prepared statements, and with them their plans
        assert not any(index in plan for _, plan in plans_of(engine, operation))
        assert question in NARROWER or scans_of(engine, operation) != [], index


def scans_of(engine: sa.Engine, operation: Operation) -> list[str]:
    """Return the steps of the plans of an operation that read a whole large table."""
    return [
        step
        for statement, plan in plans_of(engine, operation)
        for step in (_sqlite_scans(plan) if engine.dialect.name == "sqlite" else _postgres_scans(json.loads(plan)))
        if not _follows_order(statement, plan, step)
    ]


def plans_of(engine: sa.Engine, operation: Operation) -> list[tuple[str, str]]:
    """Return the statements that an operation executes, each with its plan."""
    with recorded(engine) as statements:
        operation(engine)
    assert statements
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            explain, as_text = "EXPLAIN QUERY PLAN ", _sqlite_plan
        else:
            explain, as_text = "EXPLAIN (FORMAT JSON) ", _postgres_plan
            # the tables are empty: otherwise no index would be worth while
            for kind in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
                connection.exec_driver_sql(f"SET LOCAL enable_{kind} = off")
        return [(text, as_text(connection.exec_driver_sql(explain + text, given))) for text, given in statements]


def _sqlite_plan(rows: Any) -> str:
    return "\n".join(row[-1] for row in rows)


def _postgres_plan(rows: Any) -> str:
    return json.dumps(rows.scalar_one())


@contextmanager
def recorded(engine: sa.Engine) -> Iterator[list[tuple[str, Any]]]:
    """Record the statements that are executed, with their parameters."""
    statements: list[tuple[str, Any]] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "WITH")) and "FROM" in statement:
            statements.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", record)


def _follows_order(statement: str, plan: str, step: str) -> bool:
    """Return whether a step reads the first rows in the order of an index or key, without a condition."""
    is_first_rows = "WHERE" not in statement and "LIMIT" in statement
    return is_first_rows and ("USING" in step or (step.startswith("SCAN") and "USE TEMP B-TREE" not in plan))


def _sqlite_scans(plan: str) -> Iterator[str]:
    for step in plan.splitlines():
        scanned = re.match(r"SCAN (\w+)", step)
        if scanned is not None and scanned[1] in (*LARGE, "last", "other"):
            yield step


def _postgres_scans(plan: Any) -> Iterator[str]:
    if isinstance(plan, list):
        for part in plan:
            yield from _postgres_scans(part)
    elif isinstance(plan, dict):
        index = plan.get("Index Name")
        if plan.get("Relation Name") in LARGE and "Index Cond" not in plan and index not in SMALL_INDEXES:
            yield f"{plan['Node Type']} of {plan['Relation Name']}" + (f" USING {index}" if index else "")
        for part in (plan.get("Plan"), plan.get("Plans")):
            yield from _postgres_scans(part)
