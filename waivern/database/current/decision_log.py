"""Decisions in the database: rows that are only ever added."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.current.decision_rows import OLDEST_FIRST, decision_of, decisions_in_force, row_of
from waivern.database.current.expired_decisions import lapsed_decisions
from waivern.database.current.verdicts import judge, judge_everywhere
from waivern.database.events.event_rows import append
from waivern.database.schema.tables import decision_files, decisions, finding_state_cursors, findings
from waivern.errors import DecisionError
from waivern.history.decision_log import DecisionFile, DecisionLog
from waivern.history.decisions import Decision, DecisionsInForce, Lapsed, Origin, Verdict
from waivern.history.events import EventKind

_LOCK = 0x57414944  # "WAID": on Postgres one decides after the other, so that `seq` tells what is newer


class SqlDecisionLog(DecisionLog):
    """Adds rows to `decisions`; the newest about a target counts."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def decide(self, decision: Decision, *, by: str) -> Decision:
        with writing(self._engine) as connection:
            _one_after_the_other(connection)
            _refuse_the_unseen(connection, decision)
            now = database_now(connection).astimezone(UTC)
            kept = replace(decision, decided_at=now, decided_by=by)
            _add(connection, [kept])
            judge_everywhere(connection, str(kept.fingerprint), today=now.date())
            append(connection, actor=by, kind=EventKind.DECISION_MADE, body=_told(kept), at=now)
        return kept

    def use_file(self, runbook: str, file: DecisionFile | None, *, run_id: str, by: str) -> bool:
        if self._is_as_before(runbook, file):
            return False
        with writing(self._engine) as connection:
            _one_after_the_other(connection)
            before = _of_file(connection, runbook)
            now = database_now(connection).astimezone(UTC)
            decided = _what_is_another(before, file, runbook=runbook, now=now)
            row = _row_of_file(runbook, file, run_id=run_id, at=now)
            _add(connection, decided)
            connection.execute(sa.insert(decision_files), row)
            head = sa.select(finding_state_cursors.c.id).where(finding_state_cursors.c.runbook_name == runbook)
            cursor_id = connection.execute(head).scalar_one_or_none()
            if cursor_id is not None:
                judge(connection, cursor_id, runbook, today=now.date())
            used = {name: row[name] for name in ("runbook_name", "name", "digest", "run_id")}
            body = {**used, "decided": [_told(each) for each in decided]}
            append(connection, actor=by, kind=EventKind.DECISION_FILE_USED, body=body, at=now)
        return True

    def about(self, fingerprint: str, *, rules: Collection[str] = ()) -> Sequence[Decision]:
        asked = (decisions.c.fingerprint == fingerprint) | decisions.c.rule.in_(rules)
        with self._engine.connect() as connection:
            return [decision_of(row) for row in connection.execute(OLDEST_FIRST.where(asked))]

    def in_force(self, runbook: str, *, today: date) -> DecisionsInForce:
        with self._engine.connect() as connection:
            return decisions_in_force(connection, runbook, today=today)

    def lapsed(self, *, today: date, runbook: str | None = None) -> Sequence[Lapsed]:
        with self._engine.connect() as connection:
            return lapsed_decisions(connection, runbook, today=today)

    def _is_as_before(self, runbook: str, file: DecisionFile | None) -> bool:
        newest = (
            sa.select(decision_files.c.digest)
            .where(decision_files.c.runbook_name == runbook)
            .order_by(decision_files.c.seq.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            digest = connection.execute(newest).scalar_one_or_none()
        return digest == (None if file is None else file.digest)


def _one_after_the_other(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _refuse_the_unseen(connection: sa.Connection, decision: Decision) -> None:
    name = decision.fingerprint
    if name is None:
        return
    seen = sa.select(findings.c.stream_id).where(findings.c.fingerprint == name).limit(1)
    if connection.execute(seen).first() is None:
        raise DecisionError(f"No run has found '{name}'", remedy="`waivern findings` lists what was found")


def _of_file(connection: sa.Connection, runbook: str) -> dict[tuple[str | None, ...], Decision]:
    """What the file of a runbook said when it was last used, by target."""
    rows = connection.execute(
        OLDEST_FIRST.where(decisions.c.runbook_name == runbook, decisions.c.origin == Origin.FILE.value)
    )
    newest = {decision.target: decision for decision in map(decision_of, rows)}
    return {target: each for target, each in newest.items() if each.verdict is not Verdict.REOPENED}


def _what_is_another(
    before: dict[tuple[str | None, ...], Decision], file: DecisionFile | None, *, runbook: str, now: datetime
) -> list[Decision]:
    held = {} if file is None else {each.target: each for each in file.decisions}
    by = "the file of decisions" if file is None else file.name
    stamped: dict[str, Any] = {"origin": Origin.FILE, "runbook": runbook, "decided_at": now, "decided_by": by}
    new = [replace(each, **stamped) for target, each in held.items() if _said(each) != _said(before.get(target))]
    gone = [
        replace(each, verdict=Verdict.REOPENED, reason="it no longer stands in the file", until=None, **stamped)
        for target, each in before.items()
        if target not in held
    ]
    return [*gone, *new]


def _said(decision: Decision | None) -> tuple[object, ...] | None:
    return None if decision is None else (decision.verdict, decision.reason, decision.owner, decision.until)


def _told(decision: Decision) -> dict[str, Any]:
    """A decision as its event has it, without what is empty."""
    until = None if decision.until is None else decision.until.isoformat()
    said = {**row_of(decision), "until": until, "decided_at": None}
    return {name: value for name, value in said.items() if value is not None}


def _add(connection: sa.Connection, added: Iterable[Decision]) -> None:
    rows = [row_of(decision) for decision in added]
    if rows:
        connection.execute(sa.insert(decisions), rows)


def _row_of_file(runbook: str, file: DecisionFile | None, *, run_id: str, at: datetime) -> dict[str, Any]:
    said = {"name": None, "digest": None} if file is None else {"name": file.name, "digest": file.digest}
    return {"runbook_name": runbook, "run_id": run_id, "used_at": at, **said}
