"""Runs come into the database: a bundle is checked whole, and then written in one transaction."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from waivern.database.archive.archive_rows import Rows, row_as_json, row_from_json
from waivern.database.archive.restored_findings import restore_findings
from waivern.database.blobs import blob_store as contents
from waivern.database.blobs.blob import TOMBSTONE, Blob
from waivern.database.blobs.blob_store import NO_BYTES
from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import keyring_of, writing
from waivern.database.connection.inserts import insert_ignore
from waivern.database.connection.keyring import WrappedKey
from waivern.database.current.refresh import refresh_all
from waivern.database.events import event_rows
from waivern.database.events.run_merkle import ARTIFACT_MAY_CHANGE, RUN_MAY_CHANGE, RunMerkle
from waivern.database.events.stored_events import chain_id
from waivern.database.schema.artifact_view import artifact_view, insert_artifacts
from waivern.database.schema.tables import (
    artifact_attempts,
    blob_keys,
    blobs,
    decision_files,
    decisions,
    events,
    imported_events,
    run_attempts,
    run_gates,
    runbooks,
    runs,
    schedules,
)
from waivern.database.verification.imported_checks import record_imported_events
from waivern.errors import ArchiveError, CorruptArtifactError
from waivern.formats.archive_file import ArchiveReader
from waivern.history.archives import RestoredRuns
from waivern.history.events import EventKind, event_hash
from waivern.messages.canonical import canonical_bytes

_DOES_NOT_FIT = (sa.exc.StatementError, TypeError, ValueError, KeyError, AttributeError, OverflowError)
"""What rows that were altered on purpose may lead to: whatever is in a file, it is told as what it is."""


def restore_runs(engine: sa.Engine, path: Path, *, actor: str) -> RestoredRuns:
    """Take in all runs of a bundle, or none."""
    with ArchiveReader(path) as bundle:
        bundle.check()
        try:
            restoring = _Restoring(engine, bundle)
            restoring.check_contents()
            with writing(engine) as connection:
                restored = restoring.write(connection, actor=actor)
        except _DOES_NOT_FIT as error:
            raise ArchiveError(
                f"The archive {path} does not fit together ({type(error).__name__})",
                remedy="Nothing was written; take another copy of it",
            ) from error
    refresh_all(engine)
    return restored


class _Restoring:
    """One bundle."""

    def __init__(self, engine: sa.Engine, bundle: ArchiveReader) -> None:
        self._keys = keyring_of(engine)
        self._bundle = bundle
        self._wrapped = {
            row["digest"]: WrappedKey(row["key_id"], row["wrapped"]) for row in self._rows(blob_keys, "blob_keys")
        }

    def check_contents(self) -> None:
        """Decrypt and unpack every content once: each has to have the digest that it goes by."""
        for blob in self._blobs():
            if blob.codec == TOMBSTONE:
                continue
            what = f"the content {blob.digest} of the archive"
            try:
                for _ in blob.decrypted(self._keys, subject=what).parts(subject=what):
                    pass
            except CorruptArtifactError as error:
                raise ArchiveError(error.happened, remedy="Take another copy of it") from None

    def write(self, connection: sa.Connection, *, actor: str) -> RestoredRuns:
        new, already_present = self._told_apart(connection)
        taken = set(new)
        self._fill(connection, runbooks, self._rows(runbooks, "runbooks"))
        self._fill(connection, schedules, (_removed(row) for row in self._rows(schedules, "schedules")))
        self._insert(connection, runs, (_numbered_here(row) for row in self._of(runs, taken, "id")))
        number = self._write_contents(connection, taken)
        insert_artifacts(connection, self._of(artifact_view, taken, "run_id"))
        for table in (run_attempts, artifact_attempts, run_gates):
            self._insert(connection, table, self._of(table, taken, "run_id"))
        restore_findings(connection, self._bundle)
        left_out = self._write_decisions(connection)
        self._write_decision_files(connection, taken)
        events_taken = self._write_events(connection)
        self._tell(connection, new, actor=actor)
        if events_taken:
            record_imported_events(connection, actor=actor)
        return RestoredRuns(new, already_present, number, events_taken, left_out)

    def _told_apart(self, connection: sa.Connection) -> tuple[list[str], list[str]]:
        """The runs that are not here, and those that are, to the letter.

        Raises:
            ArchiveError: one is here and says something else.
        """
        there: list[str] = []
        new: list[str] = []
        for row in self._rows(runs, "runs"):
            here = connection.execute(sa.select(runs).where(runs.c.id == row["id"])).first()
            (new if here is None else there).append(row["id"])
            if here is not None and not _is_same(runs, row, here, RUN_MAY_CHANGE):
                raise _another(row["id"])
        known = set(there)
        for row in self._of(artifact_view, known, "run_id") if known else ():
            is_of_run = artifact_view.c.run_id == row["run_id"]
            is_it = (is_of_run, artifact_view.c.artifact_id == row["artifact_id"])
            here = connection.execute(sa.select(artifact_view).where(*is_it)).first()
            if here is None or not _is_same(artifact_view, row, here, ARTIFACT_MAY_CHANGE):
                raise _another(row["run_id"])
        return new, there

    def _write_contents(self, connection: sa.Connection, taken: Collection[str]) -> int:
        """Write what the runs that are taken in keep, and nothing that was let go of here; return how many that are."""
        held, kept = set(), set()
        for row in self._of(artifact_view, taken, "run_id"):
            held.add(row["digest"])
            if row["pruned_at"] is None:
                kept.add(row["digest"])
        number = 0
        for blob in self._blobs():
            if blob.digest in kept and blob.codec != TOMBSTONE:
                contents.store(connection, blob)
                number += 1
            elif blob.digest in held:
                row = {"digest": blob.digest, "codec": TOMBSTONE, "size": blob.size, **NO_BYTES}
                self._fill(connection, blobs, [row])
        return number

    def _write_decisions(self, connection: sa.Connection) -> int:
        """Add what was decided about targets of which nothing else was decided here; return how many were left out."""
        by_target: dict[Any, list[dict[str, Any]]] = {}
        for row in self._rows(decisions, "decisions"):
            by_target.setdefault(_target(row), []).append({**row, "seq": None})
        left_out = 0
        for target, wanted in by_target.items():
            here = [_decided(row._asdict()) for row in connection.execute(_decisions_about(target))]
            if here != [_decided(row) for row in wanted[: len(here)]]:
                left_out += len(wanted)
                continue
            for row in wanted[len(here) :]:
                connection.execute(sa.insert(decisions), {name: value for name, value in row.items() if name != "seq"})
        return left_out

    def _write_decision_files(self, connection: sa.Connection, taken: Collection[str]) -> None:
        known = set(connection.scalars(sa.select(decision_files.c.runbook_name).distinct()))
        for row in self._of(decision_files, taken, "run_id"):
            if row["runbook_name"] not in known:
                said = {name: value for name, value in row.items() if name != "seq"}
                connection.execute(sa.insert(decision_files), said)

    def _write_events(self, connection: sa.Connection) -> int:
        """Keep the events of other chains beside our own, each with the chain that it is of; ours are here already."""
        own = chain_id(connection)
        came_from = self._bundle.manifest.get("origin")
        rows = [{"origin": came_from, **row} for row in self._rows(events, "events")]
        rows += list(self._rows(imported_events, "imported_events"))
        taken = [row for row in rows if row["origin"] != own]
        for row in taken:
            if not isinstance(row["origin"], str) or not _is_sound(row):
                raise ArchiveError(
                    f"The archive's event {row['seq']} of the chain {str(row['origin'])[:40]} was altered",
                    remedy="Take another copy of it",
                )
        self._fill(connection, imported_events, taken)
        return len(taken)

    def _tell(self, connection: sa.Connection, run_ids: Sequence[str], *, actor: str) -> None:
        """Prove each run by what its chain said of it, and say in ours that it came."""
        closed = self._closed()
        proofs = {}
        for run_id in run_ids:
            proof = RunMerkle.of(connection, run_id)
            told = closed.get(run_id)
            if told is not None and told["body"].get("root") != proof.root:
                raise ArchiveError(
                    f"The archive's run {run_id} is not what its chain of events says: its root differs",
                    remedy="Take another copy of it; if that says the same, somebody altered the run",
                )
            proofs[run_id] = proof
        for run_id in run_ids:
            told = closed.get(run_id)
            body = {
                "run": run_id,
                "root": proofs[run_id].root,
                "leaf_prefixes": proofs[run_id].leaf_prefixes,
                "artifacts": proofs[run_id].counts,
                "made_by": self._bundle.manifest.get("made_by"),
            }
            if told is not None:
                body["from"] = {"chain": told["origin"], "seq": told["seq"], "hash": told["hash"]}
            event = event_rows.append(
                connection, actor=actor, kind=EventKind.RUN_RESTORED, body=body, at=database_now(connection)
            )
            connection.execute(sa.update(runs).where(runs.c.id == run_id), {"event_seq": event.seq})

    def _closed(self) -> Mapping[str, Mapping[str, Any]]:
        """The event that closed each run, of the chain that it ended in: the last one with a root."""
        found: dict[str, Mapping[str, Any]] = {}
        came_from = self._bundle.manifest.get("origin")
        rows = [{"origin": came_from, **row} for row in self._rows(events, "events")]
        for row in [*self._rows(imported_events, "imported_events"), *rows]:
            if row["kind"] in (EventKind.RUN_CLOSED, EventKind.RUN_RESTORED):
                found[row["body"].get("run")] = row
        return found

    def _blobs(self) -> Iterator[Blob]:
        for said in self._bundle.lines("blobs"):
            row = row_from_json(blobs, said)
            data = b"" if row["codec"] == TOMBSTONE else self._bundle.content(row["digest"])
            yield Blob(row["digest"], row["codec"], row["size"], data, self._wrapped.get(row["digest"]))

    def _rows(self, table: Rows, name: str) -> Iterator[dict[str, Any]]:
        return (row_from_json(table, said) for said in self._bundle.lines(name))

    def _of(self, table: Rows, run_ids: Collection[str], key: str) -> Iterator[dict[str, Any]]:
        return (row for row in self._rows(table, table.name) if row[key] in run_ids)

    def _insert(self, connection: sa.Connection, table: sa.Table, rows: Iterator[dict[str, Any]]) -> None:
        for some in batched(rows):
            connection.execute(sa.insert(table), some)

    def _fill(self, connection: sa.Connection, table: sa.Table, rows: Any) -> None:
        """Write the rows whose keys are not there."""
        for some in batched(rows):
            connection.execute(insert_ignore(connection, table), some)


def _numbered_here(row: dict[str, Any]) -> dict[str, Any]:
    """A run takes the next number here, and the event that tells of its coming."""
    return {**{name: value for name, value in row.items() if name != "number"}, "event_seq": None}


def _is_same(table: Rows, row: Mapping[str, Any], here: Any, may_differ: Collection[str]) -> bool:
    told = row_as_json(table, here)
    return all(
        told.get(name) == value for name, value in row_as_json(table, _Named(row)).items() if name not in may_differ
    ) and told.keys() - may_differ <= {name for name, value in row.items() if value is not None}


class _Named:
    """A mapping whose values are attributes, as a row's are."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def _removed(row: dict[str, Any]) -> dict[str, Any]:
    """A schedule that came along with its runs: it is told by its name, and fires nothing here."""
    return {**row, "status": "removed", "paused_because": None, "removed_at": row["removed_at"] or row["changed_at"]}


def _target(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("runbook_name", "fingerprint", "rule", "location"))


def _decided(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "seq"}


def _decisions_about(target: tuple[Any, ...]) -> sa.Select[Any]:
    columns = (decisions.c.runbook_name, decisions.c.fingerprint, decisions.c.rule, decisions.c.location)
    about = [
        column.is_(None) if value is None else column == value for column, value in zip(columns, target, strict=True)
    ]
    return sa.select(decisions).where(*about).order_by(decisions.c.seq)


def _is_sound(row: Mapping[str, Any]) -> bool:
    said = {name: row[name] for name in ("seq", "at", "actor", "kind", "previous")}
    return bool(event_hash(**said, body=canonical_bytes(row["body"])) == row["hash"])


def _another(run_id: str) -> ArchiveError:
    return ArchiveError(
        f"The run {run_id} is here already, and says something else than the archive",
        remedy="Nothing was written; restore it into another database to compare them",
    )
