"""Restore the runs of an archive: everything is checked first, then written in one transaction, or not at all.

An archive is untrusted input. Nothing that is restored can run, trigger or notify: runs have ended, and a constraint of
the database keeps them so; schedules are removed ones without command, target or path. What the archive's events do not
prove is refused, or permanently marked as unproven.
"""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from waivern.database.archive.archive_rows import Rows, row_as_json
from waivern.database.archive.archived_events import ArchivedEvents, Event, reference
from waivern.database.archive.archived_records import ArchivedRecords, refused
from waivern.database.archive.restored_contents import restore_contents
from waivern.database.archive.restored_decisions import restore_decisions
from waivern.database.archive.restored_findings import restore_findings
from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import keyring_of, writing
from waivern.database.connection.inserts import insert_ignore
from waivern.database.current.refresh import refresh_all
from waivern.database.events import event_rows
from waivern.database.events.run_merkle import ARTIFACT_MAY_CHANGE, RUN_MAY_CHANGE, RunMerkle
from waivern.database.events.schedule_rows import SETTING_COLUMNS, schedule_of
from waivern.database.schema.artifact_view import artifact_view
from waivern.database.schema.tables import (
    artifact_attempts,
    blobs,
    run_attempts,
    run_gates,
    runbooks,
    runs,
    schedules,
)
from waivern.database.verification.imported_checks import record_imported_events
from waivern.errors import ArchiveError, WaivernError
from waivern.formats.archive_file import ArchiveReader
from waivern.history.archives import RestoredRuns, RestoreOptions
from waivern.history.events import EventKind
from waivern.history.merkle import hashable
from waivern.messages.canonical import canonical_bytes, digest_of
from waivern.schedules.schedule import ScheduleStatus

_INVALID_ROWS = (
    *(sa.exc.StatementError, TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError),
    IndexError,
)
"""What rows that were altered on purpose may raise; all of it means that the archive is not valid."""


def restore_runs(engine: sa.Engine, path: Path, options: RestoreOptions, *, actor: str) -> RestoredRuns:
    """Restore all runs of an archive, or none; see `AuditLog.restore`."""
    with ArchiveReader(path) as file:
        file.check()
        try:
            records = ArchivedRecords(file)
            with engine.connect() as connection:
                now = database_now(connection)
            records.check(keyring_of(engine), now=now)
            archived_events = ArchivedEvents(records)
            with writing(engine) as connection:
                restored = _Restore(connection, records, archived_events, options, actor).write()
        except _INVALID_ROWS as error:
            raise ArchiveError(
                f"The archive {path} is not consistent ({type(error).__name__})",
                remedy="Nothing was written; use another copy of it",
            ) from error
    refresh_all(engine)
    return restored


@dataclass
class _Restore:
    """One restore, in one transaction."""

    connection: sa.Connection
    records: ArchivedRecords
    events: ArchivedEvents
    options: RestoreOptions
    actor: str
    unproven: list[str] = field(default_factory=list)
    gates: dict[str, dict[str, int]] = field(default_factory=dict)

    def write(self) -> RestoredRuns:
        new, present = self._new_and_present()
        imported = self._import_events()
        self._write_runs(set(new))
        self._check_pruned(set(new))
        contents, erased = restore_contents(self.connection, self.records, set(new), actor=self.actor)
        for table in (run_attempts, artifact_attempts):
            self._insert(table, self.records.rows_of_runs(table, set(new)))
        self._write_gates(new)
        restore_findings(self.connection, self.records)
        proofs = [(run_id, *self._proof_of(run_id)) for run_id in new]
        decisions = restore_decisions(self.connection, self.records, self.events, self.options, actor=self.actor)
        for run_id, merkle, closing in proofs:
            self._record(run_id, merkle, closing)
        if imported:
            record_imported_events(self.connection, actor=self.actor)
        return RestoredRuns(
            runs=new,
            already_present=present,
            unproven=self.unproven,
            contents=contents,
            erased_contents=erased,
            events=imported,
            decisions=decisions.new,
            decisions_restored=self.options.with_decisions,
            conflicting_decisions=decisions.conflicting,
        )

    def _import_events(self) -> int:
        run_ids = {row["id"] for row in self.records.rows(runs)}
        digests = {row["digest"] for row in self.records.rows(blobs)}
        return self.events.write(self.connection, run_ids=run_ids, digests=digests)

    def _new_and_present(self) -> tuple[list[str], list[str]]:
        """The ids of the runs that are not here, and of those that are here and identical.

        Raises:
            ArchiveError: a run is here and differs.
        """
        new: list[str] = []
        present: list[str] = []
        for row in self.records.rows(runs):
            here = self.connection.execute(sa.select(runs).where(runs.c.id == row["id"])).first()
            (new if here is None else present).append(row["id"])
            if here is not None and not _is_same(runs, row, here, RUN_MAY_CHANGE):
                raise _different(row["id"])
        for row in self.records.rows_of_runs(artifact_view, set(present)) if present else ():
            of_run = artifact_view.c.run_id == row["run_id"]
            here = self.connection.execute(
                sa.select(artifact_view).where(of_run, artifact_view.c.artifact_id == row["artifact_id"])
            ).first()
            if here is None or not _is_same(artifact_view, row, here, ARTIFACT_MAY_CHANGE):
                raise _different(row["run_id"])
        return new, present

    def _write_runs(self, new: Collection[str]) -> None:
        archived = [row for row in self.records.rows(runs) if row["id"] in new]
        self._write_runbooks({row["runbook_digest"]: row["runbook_name"] for row in archived})
        self._write_schedules({row["schedule_id"] for row in archived})
        own = {"number", "event_seq", "restored"}  # columns that have a meaning in one database only
        # proven or not is set once the root is known; the constraint needs a value from the start
        self._insert(
            runs,
            [
                {**{name: value for name, value in row.items() if name not in own}, "restored": _UNPROVEN}
                for row in archived
            ],
        )

    def _write_runbooks(self, names: Mapping[str | None, str]) -> None:
        for row in self.records.rows(runbooks):
            if row["digest"] not in names:
                continue
            if row["sources"] and digest_of(canonical_bytes(row["sources"])) != row["digest"]:
                raise refused(f"the runbook {row['digest']} does not match its digest")
            self.connection.execute(insert_ignore(self.connection, runbooks), row)
        digests = [digest for digest in names if digest is not None]
        for batch in batched(digests):
            for stored in self.connection.execute(sa.select(runbooks).where(runbooks.c.digest.in_(batch))):
                if stored.name != names[stored.digest]:
                    raise refused(f"the runbook {stored.digest} has a different name than its run")

    def _write_schedules(self, wanted: Collection[str | None]) -> None:
        for row in self.records.rows(schedules):
            if row["id"] not in wanted:
                continue
            removed = _removed_schedule(row)
            try:
                schedule_of(_Columns(removed))
            except WaivernError as error:
                raise refused(f"its schedule {row['id'][:36]} is not valid: {error.happened}") from None
            inserted = self.connection.execute(insert_ignore(self.connection, schedules), removed)
            if inserted.rowcount:
                settings = {name: removed[name] for name in SETTING_COLUMNS if removed[name] is not None}
                body = {
                    "schedule": row["id"],
                    "name": row["name"],
                    "settings": settings,
                    "made_by": self.records.made_by,
                }
                body |= {name: removed[name] for name in ("created_at", "removed_at")}
                self._append(EventKind.SCHEDULE_RESTORED, body)

    def _check_pruned(self, new: Collection[str]) -> None:
        for row in self.records.rows_of_runs(artifact_view, new):
            deletion = (str(hashable(row["pruned_at"])), str(row["pruned_because"]))
            place = (row["run_id"], row["artifact_id"], row["digest"])
            if row["pruned_at"] is not None and not self.events.recorded.expects_deletion(*place, deletion):
                reason = f"no event proves that '{row['artifact_id'][:80]}' of its run {row['run_id']} was pruned"
                self._accept_unproven(row["run_id"], reason)

    def _write_gates(self, new: Sequence[str]) -> None:
        self.gates = {run_id: {} for run_id in new}
        for row in self.records.rows_of_runs(run_gates, set(new)):
            self.gates[row["run_id"]][row["gate"]] = row["violations"]
        for run_id, gates in self.gates.items():
            recorded = self.events.gates(run_id)
            if recorded is not None and recorded != gates:
                raise refused(f"the gates of its run {run_id} are not those that its events recorded")
            if gates and recorded is None:
                self._accept_unproven(run_id, f"no event proves the gates of its run {run_id}")
        self._insert(run_gates, self.records.rows_of_runs(run_gates, set(new)))

    def _proof_of(self, run_id: str) -> tuple[RunMerkle, Event | None]:
        """The root over the run's rows, and the event that recorded the same root."""
        merkle, closing = RunMerkle.of(self.connection, run_id), self.events.closing(run_id)
        if closing is not None and closing["body"].get("root") != merkle.root:
            raise ArchiveError(
                f"The archive's run {run_id} does not match its chain of events: its root differs",
                remedy="Use another copy of the archive; if it says the same, the run was altered",
            )
        if closing is None or closing["body"].get("proven") is False:
            self._accept_unproven(run_id, f"no event proves its run {run_id}")
        return merkle, closing

    def _accept_unproven(self, run_id: str, reason: str) -> None:
        if not self.options.allow_unproven:
            raise ArchiveError(
                f"The archive is refused: {reason}",
                remedy="If you trust its source, use --allow-unproven; the run is permanently marked as unproven",
            )
        if run_id not in self.unproven:
            self.unproven.append(run_id)

    def _record(self, run_id: str, merkle: RunMerkle, closing: Event | None) -> None:
        is_proven = run_id not in self.unproven
        body = {
            "run": run_id,
            "root": merkle.root,
            "leaf_prefixes": merkle.leaf_prefixes,
            "artifacts": merkle.counts,
            "gates": self.gates[run_id],
            "made_by": self.records.made_by,
            "proven": is_proven,
        }
        if closing is not None:
            body["from"] = reference(closing)
        event = self._append(EventKind.RUN_RESTORED, body)
        marked = {"event_seq": event, "restored": _PROVEN if is_proven else _UNPROVEN}
        self.connection.execute(sa.update(runs).where(runs.c.id == run_id), marked)

    def _append(self, kind: EventKind, body: Mapping[str, Any]) -> int:
        at: datetime = database_now(self.connection)
        return event_rows.append(self.connection, actor=self.actor, kind=kind, body=body, at=at).seq

    def _insert(self, table: sa.Table, rows: Any) -> None:
        for batch in batched(rows):
            self.connection.execute(sa.insert(table), batch)


_PROVEN, _UNPROVEN = "proven", "unproven"


class _Columns:
    """A mapping whose values are attributes, like those of a row."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def _is_same(table: Rows, row: Mapping[str, Any], here: Any, may_differ: Set[str]) -> bool:
    stored, archived = row_as_json(table, here), row_as_json(table, _Columns(row))
    names = (stored.keys() | archived.keys()) - may_differ
    return all(stored.get(name) == archived.get(name) for name in names)


def _removed_schedule(row: dict[str, Any]) -> dict[str, Any]:
    """A schedule that tells which one triggered a run, and does nothing: no command, target or path comes along."""
    return {
        **row,
        "status": ScheduleStatus.REMOVED.value,
        "paused_because": None,
        "removed_at": row["removed_at"] or row["changed_at"],
        "notify": None,
        "runbook_path": "",
        "working_directory": None,
        "declared_in": None,
    }


def _different(run_id: str) -> ArchiveError:
    return ArchiveError(
        f"The run {run_id} is already here and differs from the one in the archive",
        remedy="Nothing was written; restore it into another database to compare them",
    )
