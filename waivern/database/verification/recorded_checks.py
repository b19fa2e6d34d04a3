"""Verify tables against what events recorded: decisions, schedules, results of gates, and deleted contents."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.connection.stored_values import as_stored
from waivern.database.events.decision_events import recorded as recorded_decision
from waivern.database.events.recorded_changes import RecordedChanges, RecordedSchedule
from waivern.database.events.schedule_rows import SETTING_COLUMNS
from waivern.database.schema.tables import artifacts, blobs, decision_files, decisions, run_gates, runs, schedules
from waivern.database.verification.chain_checks import rows_of
from waivern.errors import MessageError
from waivern.history.events import iso_instant
from waivern.history.merkle import hashable
from waivern.history.verification import RecordKind, Verification
from waivern.messages.canonical import canonical_bytes

_DECISIONS = sa.select(*map(as_stored, decisions.columns)).order_by(decisions.c.seq)
_DECISION_FILES = sa.select(*map(as_stored, decision_files.columns)).order_by(decision_files.c.seq)
_SCHEDULES = sa.select(*map(as_stored, schedules.columns)).order_by(schedules.c.id)
_GATES = sa.select(*map(as_stored, run_gates.columns)).order_by(run_gates.c.run_id, run_gates.c.gate)
_ARTIFACTS_OF_RUNS = (
    sa.select(
        runs.c.id.label("run_id"),
        as_stored(runs.c.restored),
        *(as_stored(artifacts.c[name]) for name in ("artifact_id", "digest", "pruned_at", "pruned_because")),
    )
    .join(runs, runs.c.number == artifacts.c.run_number)
    .order_by(artifacts.c.run_number, artifacts.c.artifact_id)
)
_PRUNED = _ARTIFACTS_OF_RUNS.where(sa.or_(artifacts.c.pruned_at.is_not(None), artifacts.c.pruned_because.is_not(None)))
_ARTIFACTS_WITH_CONTENT = _ARTIFACTS_OF_RUNS.where(artifacts.c.digest.is_not(None), artifacts.c.pruned_at.is_(None))
_TOMBSTONES = (
    sa.select(
        as_stored(blobs.c.digest),
        sa.exists()
        .where(
            artifacts.c.digest == blobs.c.digest,
            artifacts.c.run_number == runs.c.number,
            runs.c.restored.is_not(None),
        )
        .label("is_restored"),
    )
    .where(blobs.c.codec == TOMBSTONE)
    .order_by(blobs.c.digest)
)


def check_recorded_changes(
    connection: sa.Connection,
    result: Verification,
    recorded: RecordedChanges,
    imported: RecordedChanges,
    *,
    run_id: str | None,
) -> None:
    """Verify everything against the chain's events, or what belongs to one run; imported ones prove restored runs."""
    _check_pruned(connection, result, recorded, imported, run_id)
    _check_gates(connection, result, recorded, run_id)
    if run_id is None:
        _check_tombstones(connection, result, recorded)
        _check_decisions(connection, result, recorded)
        _check_decision_files(connection, result, recorded)
        _check_schedules(connection, result, recorded)


def _check_pruned(
    connection: sa.Connection,
    result: Verification,
    recorded: RecordedChanges,
    imported: RecordedChanges,
    run_id: str | None,
) -> None:
    for row in rows_of(connection, _of_run(_PRUNED, run_id)):
        deletion = (str(hashable(row.pruned_at)), str(hashable(row.pruned_because)))
        place = (str(hashable(row.run_id)), str(hashable(row.artifact_id)), str(hashable(row.digest)))
        sources = [recorded] if row.restored is None else [recorded, imported]
        if row.restored != "unproven" and not any(source.expects_deletion(*place, deletion) for source in sources):
            problem = "no event recorded that its content was pruned or erased at this time for this reason"
            _report_artifact(result, row, problem)
    for row in rows_of(connection, _of_run(_ARTIFACTS_WITH_CONTENT, run_id)) if recorded.pruned else ():
        if (str(hashable(row.run_id)), str(hashable(row.artifact_id))) in recorded.pruned:
            _report_artifact(result, row, "its content was pruned, but it is marked as kept")


def _check_tombstones(connection: sa.Connection, result: Verification, recorded: RecordedChanges) -> None:
    for row in rows_of(connection, _TOMBSTONES):
        digest = str(hashable(row.digest))
        if digest not in recorded.deleted and digest not in recorded.erased and not row.is_restored:
            result.report(RecordKind.CONTENT, f"content {digest}", "it is deleted, but no event recorded that")


def _check_gates(
    connection: sa.Connection, result: Verification, recorded: RecordedChanges, run_id: str | None
) -> None:
    stored: dict[str, dict[str, Any]] = {}
    query = _GATES if run_id is None else _GATES.where(run_gates.c.run_id == run_id)
    for row in rows_of(connection, query):
        stored.setdefault(str(hashable(row.run_id)), {})[str(hashable(row.gate))] = hashable(row.violations)
    for run in {*stored, *recorded.gates} if run_id is None else {run_id}:
        if stored.get(run, {}) != dict(recorded.gates.get(run, {})):
            problem = "its results are not those that the newest event recorded"
            result.report(RecordKind.GATE, f"gates of run {run}", problem, run=run)


def _check_decisions(connection: sa.Connection, result: Verification, recorded: RecordedChanges) -> None:
    rows = ((row.seq, recorded_decision(row._asdict())) for row in rows_of(connection, _DECISIONS))
    _check_sequence("decision", rows, recorded.decisions, result)


def _check_decision_files(connection: sa.Connection, result: Verification, recorded: RecordedChanges) -> None:
    names = ("runbook_name", "name", "digest", "run_id", "used_at")
    rows = ((row.seq, [hashable(getattr(row, name)) for name in names]) for row in rows_of(connection, _DECISION_FILES))
    _check_sequence("use of a decision file", rows, recorded.decision_files, result)


def _check_sequence(
    name: str, rows: Iterator[tuple[Any, Any]], recorded: Sequence[bytes], result: Verification
) -> None:
    """Compare rows with those that events recorded; of two that apply to the same finding, the later one counts."""
    left: Counter[bytes] = Counter(recorded)
    stored: list[bytes] = []
    for seq, row in rows:
        try:
            key = canonical_bytes(row)
        except MessageError:
            key = b""
        if left[key] > 0:
            left[key] -= 1
            stored.append(key)
        else:
            result.report(RecordKind.DECISION, f"{name} {hashable(seq)}", "no event recorded it as it is")
    for key in left.elements():
        record = f"{name} {key.decode('utf-8', 'replace')}"
        result.report(RecordKind.DECISION, record, "an event recorded it, but it is missing")
    if not left.total() and len(stored) == len(recorded) and stored != list(recorded):
        result.report(RecordKind.DECISION, f"every {name}", "they are not in the order in which events recorded them")


def _check_schedules(connection: sa.Connection, result: Verification, recorded: RecordedChanges) -> None:
    missing = dict(recorded.schedules)
    for row in rows_of(connection, _SCHEDULES):
        name = f"schedule {hashable(row.id)}"
        schedule = missing.pop(str(hashable(row.id)), None)
        if schedule is None:
            result.report(RecordKind.SCHEDULE, name, "no event recorded it")
            continue
        for column in _changed_columns(row, schedule):
            result.report(RecordKind.SCHEDULE, name, f"its {column} is not the one that events recorded")
    for schedule_id in missing:
        result.report(RecordKind.SCHEDULE, f"schedule {schedule_id}", "events recorded it, but it is missing")


def _changed_columns(row: Any, schedule: RecordedSchedule) -> Iterator[str]:
    for name in SETTING_COLUMNS:
        if _comparable(name, getattr(row, name)) != _comparable(name, schedule.settings.get(name)):
            yield name
    if row.status != schedule.status:
        yield "status"
    if row.paused_because != schedule.paused_because:
        yield "paused_because"
    for name in ("created_at", "removed_at"):
        if hashable(getattr(row, name)) != getattr(schedule, name):
            yield name


def _comparable(column: str, value: Any) -> Any:
    """A value of a row, or of an event, in one form."""
    if column == "notify" and isinstance(value, str):
        with suppress(msgspec.DecodeError, UnicodeEncodeError):
            return msgspec.json.decode(value.encode())
    if column == "anchor":
        text = hashable(value)
        with suppress(ValueError, TypeError):
            return iso_instant(datetime.fromisoformat(text))
    return hashable(value)


def _of_run(query: "sa.Select[Any]", run_id: str | None) -> "sa.Select[Any]":
    return query if run_id is None else query.where(runs.c.id == run_id)


def _report_artifact(result: Verification, row: Any, problem: str) -> None:
    run_id, artifact_id = str(hashable(row.run_id)), str(hashable(row.artifact_id))
    name = f"artifact '{artifact_id}' of run {run_id}"
    result.report(RecordKind.ARTIFACT, name, problem, run=run_id, artifact_id=artifact_id)
