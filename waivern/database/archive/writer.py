"""Runs leave the database: all rows that tell of them, at one moment, and their contents."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from waivern import __version__
from waivern.database.archive.archive_rows import Rows, row_as_json
from waivern.database.archive.archived_findings import ELSEWHERE
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.blobs.blob_store import STORED_BYTES
from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.events import event_rows
from waivern.database.retention.retention_rules import HAS_CONTENT
from waivern.database.schema.artifact_view import artifact_view
from waivern.database.schema.migration import NEWEST
from waivern.database.schema.tables import (
    artifact_attempts,
    artifacts,
    blob_keys,
    blobs,
    decision_files,
    decisions,
    events,
    finding_snapshots,
    finding_streams,
    findings,
    imported_events,
    run_attempts,
    run_gates,
    runbooks,
    runs,
    schedules,
)
from waivern.errors import RunError
from waivern.history.archives import Archived
from waivern.history.bundle import BundleWriter
from waivern.history.event_log import EventKind
from waivern.runs.run import RunStatus

Row = dict[str, Any]

_OF_RUNS = (artifact_view, run_attempts, artifact_attempts, run_gates)
"""What has a `run_id`, in the order in which its rows can be written again."""

_DATA = sa.select(STORED_BYTES).where(blobs.c.digest == sa.bindparam("wanted", type_=blobs.c.digest.type))
_PAGE = 2_000


def origin_of(connection: sa.Connection) -> str | None:
    """Return what tells this database's chain of events from others: None where nothing has happened yet."""
    first = connection.execute(sa.select(events.c.body).where(events.c.seq == 1)).scalar_one_or_none()
    return None if first is None else str(first.get("installation"))


def archive_runs(engine: sa.Engine, run_ids: Sequence[str], path: Path, *, actor: str) -> Archived:
    """Write a bundle, and an event that tells of it."""
    wanted = sorted(set(run_ids))
    with engine.connect() as reading:
        if engine.dialect.name == "postgresql":
            reading = reading.execution_options(isolation_level="REPEATABLE READ")
        _refuse_what_goes_on(reading, wanted)
        bundle = BundleWriter(path)
        try:
            said = _Archiving(reading, bundle, wanted).write()
            sha256 = bundle.close(said["manifest"])
        except BaseException:
            bundle.abandon()
            raise
    with writing(engine) as connection:
        body = {"runs": wanted, "sha256": sha256}
        event_rows.append(connection, actor=actor, kind=EventKind.RUNS_ARCHIVED, body=body, at=database_now(connection))
    return Archived(wanted, said["contents"], said["events"], sha256)


class _Archiving:
    """One bundle."""

    def __init__(self, connection: sa.Connection, bundle: BundleWriter, run_ids: Sequence[str]) -> None:
        self._connection = connection
        self._bundle = bundle
        self._run_ids = run_ids
        self._written: dict[str, int] = {}

    def write(self) -> dict[str, Any]:
        of_runs = [_without_number(row) for row in self._rows(runs, runs.c.id, self._run_ids)]
        self._lines("runbooks", self._rows(runbooks, runbooks.c.digest, _held(of_runs, "runbook_digest")))
        self._lines("schedules", self._rows(schedules, schedules.c.id, _held(of_runs, "schedule_id")))
        self._lines("runs", of_runs)
        digests = self._contents()
        for table in _OF_RUNS:
            self._lines(table.name, self._rows(table, table.c.run_id, self._run_ids))
        fingerprints = self._findings()
        names = {row["runbook_name"] for row in of_runs}
        self._lines("decisions", self._decisions(names, fingerprints))
        self._lines("decision_files", self._rows(decision_files, decision_files.c.run_id, self._run_ids))
        self._events(set(self._run_ids), digests)
        return {
            "manifest": {
                "made_by": f"waivern {__version__}",
                "made_at": database_now(self._connection).isoformat(),
                "revision": NEWEST,
                "origin": origin_of(self._connection),
                "runs": [{"id": row["id"], "runbook": row["runbook_name"], "status": row["status"]} for row in of_runs],
            },
            "contents": self._written["blobs"],
            "events": self._written["events"] + self._written["imported_events"],
        }

    def _contents(self) -> set[str]:
        """What is known of the contents of the runs, and the contents that they keep; return the digests of all."""
        held, kept = set[str](), set[str]()
        for some in batched(self._run_ids):
            of_some = sa.select(artifacts.c.digest).distinct().where(artifacts.c.run_number.in_(_numbers_of(some)))
            held |= set(self._connection.scalars(of_some.where(artifacts.c.digest.is_not(None))))
            kept |= set(self._connection.scalars(of_some.where(*HAS_CONTENT)))
        columns = [blobs.c[name] for name in ("digest", "codec", "size")]
        known: list[Row] = []
        for some in batched(sorted(held)):
            for row in self._connection.execute(sa.select(*columns).where(blobs.c.digest.in_(some))):
                codec = row.codec if row.digest in kept else TOMBSTONE
                known.append({"digest": row.digest, "codec": codec, "size": row.size})
        self._lines("blobs", known)
        full = [row["digest"] for row in known if row["codec"] != TOMBSTONE]
        self._lines("blob_keys", self._rows(blob_keys, blob_keys.c.digest, full))
        for digest in full:
            self._bundle.content(digest, self._connection.execute(_DATA, {"wanted": digest}).scalar_one())
        return held

    def _findings(self) -> set[str]:
        """The lines of findings up to the newest set that one of the runs holds; return the fingerprints in them."""
        seen_last = self._seen_last()
        newest: dict[int, int] = {}
        lines: list[Row] = []
        for stream_id, seq in seen_last:
            newest[stream_id] = max(seq, newest.get(stream_id, 0))
        for stream_id, last in sorted(newest.items()):
            (line,) = self._rows(finding_streams, finding_streams.c.id, [stream_id])
            lines.append({**line, "last_seq": last})
        self._lines("finding_streams", lines)
        self._lines(
            "finding_snapshots",
            map(_seen_by(seen_last), self._up_to(finding_snapshots, finding_snapshots.c.seq, newest)),
        )
        fingerprints = set[str]()
        self._lines(
            "findings",
            _noting(fingerprints, map(_clipped(newest), self._up_to(findings, findings.c.valid_from, newest))),
        )
        return fingerprints

    def _seen_last(self) -> dict[tuple[int, int], dict[str, Any]]:
        """By line and number of a set: which run of the bundle saw it last, and when."""
        seen: dict[tuple[int, int], dict[str, Any]] = {}
        for some in batched(self._run_ids):
            for row in self._connection.execute(_holders(some)):
                before = seen.get((row.id, row.seq))
                if before is None or before["at"] < row.at:
                    seen[row.id, row.seq] = {"run": row.run_id, "at": row.at}
        return seen

    def _up_to(self, table: sa.Table, seq: sa.Column[Any], newest: dict[int, int]) -> Iterator[Row]:
        for stream_id, last in sorted(newest.items()):
            of_line = sa.select(table).where(table.c.stream_id == stream_id, seq <= last)
            for row in self._stream(of_line.order_by(*table.primary_key.columns)):
                yield row_as_json(table, row)

    def _decisions(self, names: Collection[str], fingerprints: Collection[str]) -> Iterator[Row]:
        for row in self._stream(sa.select(decisions).order_by(decisions.c.seq)):
            is_meant = row.runbook_name is None or row.runbook_name in names
            if is_meant and (row.fingerprint is None or row.fingerprint in fingerprints):
                yield row_as_json(decisions, row)

    def _events(self, run_ids: Collection[str], digests: Collection[str]) -> None:
        concerning = (
            row_as_json(events, row)
            for row in self._stream(sa.select(events).order_by(events.c.seq))
            if concerns(row.body, run_ids, digests)
        )
        self._lines("events", concerning)
        others = self._stream(sa.select(imported_events).order_by(imported_events.c.origin, imported_events.c.seq))
        self._lines(
            "imported_events",
            (row_as_json(imported_events, row) for row in others if concerns(row.body, run_ids, digests)),
        )

    def _rows(self, table: Rows, key: sa.ColumnElement[Any], wanted: Collection[Any]) -> Iterator[Row]:
        in_order = (key, *table.primary_key)
        for some in batched(sorted(wanted)):
            for row in self._stream(sa.select(table).where(key.in_(some)).order_by(*in_order)):
                yield row_as_json(table, row)

    def _stream(self, query: sa.Select[Any]) -> Iterator[Any]:
        return iter(self._connection.execute(query, execution_options={"yield_per": _PAGE}))

    def _lines(self, name: str, rows: Any) -> None:
        self._written[name] = 0

        def counted() -> Iterator[Row]:
            for row in rows:
                self._written[name] += 1
                yield row

        self._bundle.lines(name, counted())


def concerns(body: Any, run_ids: Collection[str], digests: Collection[str]) -> bool:
    """Say whether an event tells of one of these runs, or of one of these contents."""
    if body.get("run") in run_ids or not digests.isdisjoint(body.get("digests") or ()):  # type: ignore[attr-defined]
        return True
    return any(each.get("run") in run_ids for each in body.get("messages") or () if isinstance(each, dict))


def _held(rows: Sequence[Row], name: str) -> set[Any]:
    return {row[name] for row in rows if name in row}


def _without_number(row: Row) -> Row:
    """A run's number means something in its own database alone."""
    return {name: value for name, value in row.items() if name != "number"}


def _numbers_of(run_ids: Sequence[str]) -> sa.Select[Any]:
    return sa.select(runs.c.number).where(runs.c.id.in_(run_ids))


def _holders(run_ids: Sequence[str]) -> sa.Select[Any]:
    return (
        sa.select(finding_streams.c.id, artifacts.c.snapshot_seq.label("seq"), runs.c.id.label("run_id"))
        .add_columns(artifacts.c.ended_at.label("at"))
        .join(runs, runs.c.number == artifacts.c.run_number)
        .join(
            finding_streams,
            (finding_streams.c.runbook_name == runs.c.runbook_name)
            & (finding_streams.c.artifact_id == artifacts.c.artifact_id),
        )
        .where(runs.c.id.in_(run_ids), artifacts.c.snapshot_seq.is_not(None))
    )


def _seen_by(last: dict[tuple[int, int], dict[str, Any]]) -> Any:
    """A set that no run of the bundle holds was seen elsewhere last."""

    def seen(row: Row) -> Row:
        by = last.get((row["stream_id"], row["seq"]))
        if by is None:
            return {**row, "last_run_id": ELSEWHERE}
        return {**row, "last_run_id": by["run"], "last_at": by["at"].isoformat()}

    return seen


def _clipped(newest: dict[int, int]) -> Any:
    """A finding that is there beyond the newest set of the bundle is, in it, there to this day."""

    def clip(row: Row) -> Row:
        return {name: value for name, value in row.items() if name != "valid_to" or value < newest[row["stream_id"]]}

    return clip


def _noting(fingerprints: set[str], rows: Any) -> Iterator[Row]:
    for row in rows:
        fingerprints.add(row["fingerprint"])
        yield row


def _refuse_what_goes_on(connection: sa.Connection, run_ids: Sequence[str]) -> None:
    for some in batched(run_ids):
        going_on = sa.select(runs.c.id, runs.c.status).where(
            runs.c.id.in_(some), runs.c.status.in_((RunStatus.QUEUED.value, RunStatus.RUNNING.value))
        )
        row = connection.execute(going_on.limit(1)).first()
        if row is not None:
            raise RunError(f"The run {row.id} is still {row.status}", remedy="Archive runs that have ended")
