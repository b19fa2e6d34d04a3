"""Decisions in the database: rows that are only ever added."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from waivern.caller import Caller
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.current.decision_rows import (
    DECISIONS,
    active_decisions,
    decision_from_row,
    decision_row,
    decisions_for,
    newest_decision_seq,
)
from waivern.database.current.refresh import database_day, serialize_decisions
from waivern.database.current.verdicts import RowUpdate, apply_decision, verdicts_changed_by, write_verdicts
from waivern.database.decisions.gate_results import gate_results_of, store_gate_results
from waivern.database.decisions.inactive_decisions import inactive_decisions
from waivern.database.events.event_rows import append
from waivern.database.schema.tables import decision_files, decisions, finding_state_cursors, findings
from waivern.errors import DecisionError
from waivern.history.decision_log import DecisionFile, DecisionLog
from waivern.history.decisions import ActiveDecisions, Decision, InactiveDecision, Origin, Target, Verdict
from waivern.history.events import EventKind
from waivern.history.gates import GateResult


class SqlDecisionLog(DecisionLog):
    """Adds rows to `decisions`, and updates the verdicts of the current findings in the same transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def decide(self, decision: Decision, *, caller: Caller) -> Decision:
        with writing(self._engine) as connection:
            serialize_decisions(connection)
            _refuse_unknown_fingerprint(connection, decision)
            now = database_now(connection).astimezone(UTC)
            stored = replace(decision, decided_at=now, decided_by=str(caller))
            _insert(connection, [stored])
            apply_decision(connection, stored, today=now.date())
            append(connection, actor=str(caller), kind=EventKind.DECISION_MADE, body=_event_body(stored), at=now)
        return stored

    def use_file(self, runbook: str, file: DecisionFile | None, *, run_id: str, caller: Caller) -> bool:
        if self._digest_in_use(runbook) == (None if file is None else file.digest):
            return False
        with self._engine.connect() as connection:
            prepared = _prepare_file(connection, runbook, file)
        with writing(self._engine) as connection:
            serialize_decisions(connection)
            if not prepared.is_still_valid(connection):
                prepared = _prepare_file(connection, runbook, file)
            now = database_now(connection).astimezone(UTC)
            made = [replace(decision, decided_at=now) for decision in prepared.made]
            _insert(connection, made)
            write_verdicts(connection, prepared.verdicts)
            row = _file_row(runbook, file, run_id=run_id, at=now)
            connection.execute(sa.insert(decision_files), row)
            described = {name: row[name] for name in ("runbook_name", "name", "digest", "run_id")}
            body = {**described, "decisions": [_event_body(decision) for decision in made]}
            append(connection, actor=str(caller), kind=EventKind.DECISION_FILE_USED, body=body, at=now)
        return True

    def decisions_about(self, fingerprint: str, *, rules: Collection[str] = ()) -> Sequence[Decision]:
        about = (decisions.c.fingerprint == fingerprint) | decisions.c.rule.in_(rules)
        with self._engine.connect() as connection:
            return [decision_from_row(row) for row in connection.execute(DECISIONS.where(about))]

    def active(self, runbook: str, *, today: date) -> ActiveDecisions:
        with self._engine.connect() as connection:
            return active_decisions(connection, runbook, today=today)

    def inactive(self, *, today: date, runbook: str | None = None) -> Sequence[InactiveDecision]:
        with self._engine.connect() as connection:
            return inactive_decisions(connection, runbook, today=today)

    def record_gates(self, run_id: str, results: Sequence[GateResult], *, caller: Caller) -> None:
        with writing(self._engine) as connection:
            store_gate_results(connection, run_id, results, caller=caller)

    def gates_of(self, run_id: str) -> Mapping[str, int]:
        with self._engine.connect() as connection:
            return gate_results_of(connection, run_id)

    def _digest_in_use(self, runbook: str) -> str | None:
        newest = (
            sa.select(decision_files.c.digest)
            .where(decision_files.c.runbook_name == runbook)
            .order_by(decision_files.c.seq.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            return connection.execute(newest).scalar_one_or_none()


@dataclass(frozen=True)
class _PreparedFile:
    """What using a file changes; computed before the transaction that writes it, so that it is short."""

    cursor: Any
    decision_seq: int
    made: Sequence[Decision]
    verdicts: Sequence[RowUpdate]
    runbook: str

    def is_still_valid(self, connection: sa.Connection) -> bool:
        return (_cursor(connection, self.runbook), newest_decision_seq(connection)) == (self.cursor, self.decision_seq)


def _prepare_file(connection: sa.Connection, runbook: str, file: DecisionFile | None) -> _PreparedFile:
    cursor, seq = _cursor(connection, runbook), newest_decision_seq(connection)
    existing = decisions_for(connection, runbook)
    made = _changes_in_file(_in_use(existing), file, runbook=runbook)
    active = ActiveDecisions([*existing, *made], today=database_day(connection))
    return _PreparedFile(cursor, seq, made, verdicts_changed_by(connection, runbook, made, active), runbook)


def _cursor(connection: sa.Connection, runbook: str) -> Any:
    columns = (finding_state_cursors.c.run_id, finding_state_cursors.c.snapshots)
    row = connection.execute(sa.select(*columns).where(finding_state_cursors.c.runbook_name == runbook)).first()
    return None if row is None else tuple(row)


def _refuse_unknown_fingerprint(connection: sa.Connection, decision: Decision) -> None:
    fingerprint = decision.fingerprint
    if fingerprint is None:
        return
    found = sa.select(findings.c.stream_id).where(findings.c.fingerprint == fingerprint).limit(1)
    if connection.execute(found).first() is None:
        raise DecisionError(f"No run has found '{fingerprint}'", remedy="`waivern findings` lists all findings")


def _in_use(existing: Iterable[Decision]) -> dict[Target, Decision]:
    """Return the decisions of the file that was last used, by target."""
    newest = {decision.target: decision for decision in existing if decision.origin is Origin.FILE}
    return {target: decision for target, decision in newest.items() if decision.verdict is not Verdict.REOPENED}


def _changes_in_file(in_use: Mapping[Target, Decision], file: DecisionFile | None, *, runbook: str) -> list[Decision]:
    """Return the decisions that replace those in use: first what was removed from the file, then what is new in it."""
    in_file = {} if file is None else {decision.target: decision for decision in file.decisions}
    name = "the file of decisions" if file is None else file.name
    stored: dict[str, Any] = {"origin": Origin.FILE, "runbook": runbook, "decided_by": name}
    removed = [
        replace(decision, verdict=Verdict.REOPENED, reason="removed from the file", until=None, **stored)
        for target, decision in in_use.items()
        if target not in in_file
    ]
    new = [
        replace(decision, **stored)
        for target, decision in in_file.items()
        if _content(decision) != _content(in_use.get(target))
    ]
    return [*removed, *new]


def _content(decision: Decision | None) -> tuple[object, ...] | None:
    return None if decision is None else (decision.verdict, decision.reason, decision.owner, decision.until)


def _event_body(decision: Decision) -> dict[str, Any]:
    """Return a decision as its event holds it, without empty values."""
    until = None if decision.until is None else decision.until.isoformat()
    values = {**decision_row(decision), "until": until, "decided_at": None}
    return {name: value for name, value in values.items() if value is not None}


def _insert(connection: sa.Connection, made: Iterable[Decision]) -> None:
    rows = [decision_row(decision) for decision in made]
    if rows:
        connection.execute(sa.insert(decisions), rows)


def _file_row(runbook: str, file: DecisionFile | None, *, run_id: str, at: datetime) -> dict[str, Any]:
    described = {"name": None, "digest": None} if file is None else {"name": file.name, "digest": file.digest}
    return {"runbook_name": runbook, "run_id": run_id, "used_at": at, **described}
