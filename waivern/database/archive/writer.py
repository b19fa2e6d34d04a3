"""Write runs to an archive: all their rows and contents, from one snapshot of the database."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from waivern import __version__
from waivern.database.archive.archive_rows import Rows, row_as_json
from waivern.database.archive.archived_events import concerns
from waivern.database.archive.archived_records import WITH_RUN_ID
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.blobs.blob_store import STORED_BYTES
from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.events import event_rows
from waivern.database.events.decision_events import decisions_in, recorded
from waivern.database.events.stored_events import chain_id
from waivern.database.retention.live_parts import digests_in, manifests_of
from waivern.database.retention.retention_rules import HAS_CONTENT
from waivern.database.schema.migration import NEWEST
from waivern.database.schema.tables import (
    artifacts,
    blob_keys,
    blobs,
    decisions,
    events,
    finding_snapshots,
    finding_streams,
    findings,
    imported_events,
    runbooks,
    runs,
    schedules,
)
from waivern.database.verification.finding_checks import NOT_ARCHIVED
from waivern.errors import ReadOnlyDatabaseError, RunError
from waivern.formats.archive_file import ArchiveWriter
from waivern.history.archives import ArchivedRuns
from waivern.history.events import EventKind
from waivern.messages.canonical import canonical_bytes
from waivern.runs.run import RunStatus

Row = dict[str, Any]

_DATA = sa.select(STORED_BYTES).where(blobs.c.digest == sa.bindparam("wanted_digest", type_=blobs.c.digest.type))
_PAGE = 2_000


def archive_runs(engine: sa.Engine, run_ids: Sequence[str], path: Path, *, actor: str) -> ArchivedRuns:
    """Write an archive, and append an event that names it, unless the database must not be written."""
    wanted = sorted(set(run_ids))
    with engine.connect() as reading:
        if engine.dialect.name == "postgresql":
            reading = reading.execution_options(isolation_level="REPEATABLE READ")
        _refuse_open_runs(reading, wanted)
        file = ArchiveWriter(path)
        try:
            archiving = _Archiving(reading, file, wanted)
            description = archiving.write()
            sha256 = file.close(description)
        except BaseException:
            file.discard()
            raise
    is_recorded = _record(engine, {"runs": wanted, "sha256": sha256}, actor=actor)
    return ArchivedRuns(wanted, archiving.contents, archiving.events, sha256, is_recorded)


def _record(engine: sa.Engine, body: Mapping[str, Any], *, actor: str) -> bool:
    try:
        with writing(engine) as connection:
            now = database_now(connection)
            event_rows.append(connection, actor=actor, kind=EventKind.RUNS_ARCHIVED, body=body, at=now)
    except ReadOnlyDatabaseError:
        return False
    return True


class _Archiving:
    """Writes one archive."""

    def __init__(self, connection: sa.Connection, file: ArchiveWriter, run_ids: Sequence[str]) -> None:
        self._connection = connection
        self._file = file
        self._run_ids = run_ids
        self._written: dict[str, int] = {}

    def write(self) -> dict[str, Any]:
        """Write all rows and contents; return what the manifest says about them."""
        of_runs = [_portable(row) for row in self._rows(runs, runs.c.id, self._run_ids)]
        self._lines("runbooks", self._rows(runbooks, runbooks.c.digest, _values(of_runs, "runbook_digest")))
        self._lines("schedules", self._rows(schedules, schedules.c.id, _values(of_runs, "schedule_id")))
        self._lines("runs", of_runs)
        digests = self._contents()
        for table in WITH_RUN_ID:
            self._lines(table.name, self._rows(table, table.c.run_id, self._run_ids))
        fingerprints = self._findings()
        names = {row["runbook_name"] for row in of_runs}
        decided = list(self._decisions(names, fingerprints))
        self._lines("decisions", (row_as_json(decisions, row) for row in decided))
        self._events(set(self._run_ids), digests, decided)
        return {
            "made_by": f"waivern {__version__}",
            "made_at": database_now(self._connection).isoformat(),
            "revision": NEWEST,
            "origin": chain_id(self._connection),
            "runs": [{"id": row["id"], "runbook": row["runbook_name"], "status": row["status"]} for row in of_runs],
        }

    @property
    def contents(self) -> int:
        return self._written["blobs"]

    @property
    def events(self) -> int:
        return self._written["events"] + self._written["imported_events"]

    def _contents(self) -> set[str]:
        """Write the blobs of the runs and their parts, those that were pruned without bytes; return all digests."""
        held, kept = set[str](), set[str]()
        for batch in batched(self._run_ids):
            of_batch = sa.select(artifacts.c.digest).distinct().where(artifacts.c.run_number.in_(_numbers_of(batch)))
            held |= set(self._connection.scalars(of_batch.where(artifacts.c.digest.is_not(None))))
            kept |= set(self._connection.scalars(of_batch.where(*HAS_CONTENT)))
        parts = {digest for _, manifest in manifests_of(self._connection, kept) for digest in digests_in(manifest)}
        held, kept = held | parts, kept | parts
        columns = [blobs.c[name] for name in ("digest", "codec", "size")]
        known: list[Row] = []
        for batch in batched(sorted(held)):
            for row in self._connection.execute(sa.select(*columns).where(blobs.c.digest.in_(batch))):
                codec = row.codec if row.digest in kept else TOMBSTONE
                known.append({"digest": row.digest, "codec": codec, "size": row.size})
        self._lines("blobs", known)
        with_bytes = [row["digest"] for row in known if row["codec"] != TOMBSTONE]
        self._lines("blob_keys", self._rows(blob_keys, blob_keys.c.digest, with_bytes))
        for digest in with_bytes:
            self._file.content(digest, self._connection.execute(_DATA, {"wanted_digest": digest}).scalar_one())
        return held

    def _findings(self) -> set[str]:
        """Write each stream of findings up to the newest snapshot that a run holds; return all fingerprints."""
        last_seen = self._last_seen()
        newest: dict[int, int] = {}
        streams: list[Row] = []
        for stream_id, seq in last_seen:
            newest[stream_id] = max(seq, newest.get(stream_id, 0))
        for stream_id, last in sorted(newest.items()):
            (stream,) = self._rows(finding_streams, finding_streams.c.id, [stream_id])
            stream.pop("staged_by", None)
            streams.append({**stream, "last_seq": last})
        self._lines("finding_streams", streams)
        self._lines(
            "finding_snapshots",
            map(_with_last_run(last_seen), self._up_to(finding_snapshots, finding_snapshots.c.seq, newest)),
        )
        fingerprints = set[str]()
        self._lines(
            "findings",
            _collecting(fingerprints, map(_clipped(newest), self._up_to(findings, findings.c.valid_from, newest))),
        )
        return fingerprints

    def _last_seen(self) -> dict[tuple[int, int], dict[str, Any]]:
        """By stream and snapshot: the last run of the archive that holds it, and when."""
        seen: dict[tuple[int, int], dict[str, Any]] = {}
        for batch in batched(self._run_ids):
            for row in self._connection.execute(_holders(batch)):
                before = seen.get((row.id, row.seq))
                if before is None or before["at"] < row.at:
                    seen[row.id, row.seq] = {"run": row.run_id, "at": row.at}
        return seen

    def _up_to(self, table: sa.Table, seq: sa.Column[Any], newest: dict[int, int]) -> Iterator[Row]:
        for stream_id, last in sorted(newest.items()):
            query = sa.select(table).where(table.c.stream_id == stream_id, seq <= last)
            for row in self._stream(query.order_by(*table.primary_key.columns)):
                yield row_as_json(table, row)

    def _decisions(self, names: Collection[str], fingerprints: Collection[str]) -> Iterator[Any]:
        for row in self._stream(sa.select(decisions).order_by(decisions.c.seq)):
            applies = row.runbook_name is None or row.runbook_name in names
            if applies and (row.fingerprint is None or row.fingerprint in fingerprints):
                yield row

    def _events(self, run_ids: Collection[str], digests: Collection[str], decided: Sequence[Any]) -> None:
        wanted = {canonical_bytes(recorded(row._asdict())) for row in decided}

        def archived(table: sa.Table, rows: Iterator[Any]) -> Iterator[Row]:
            for row in rows:
                event = row._mapping
                proves = any(canonical_bytes(decision) in wanted for decision in decisions_in(event))
                if proves or concerns(event, run_ids, digests, decisions=False):
                    yield row_as_json(table, row)

        own = self._stream(sa.select(events).order_by(events.c.seq))
        self._lines("events", archived(events, own))
        others = self._stream(sa.select(imported_events).order_by(imported_events.c.origin, imported_events.c.seq))
        self._lines("imported_events", archived(imported_events, others))

    def _rows(self, table: Rows, key: sa.ColumnElement[Any], wanted: Collection[Any]) -> Iterator[Row]:
        in_order = (key, *table.primary_key)
        for batch in batched(sorted(wanted)):
            for row in self._stream(sa.select(table).where(key.in_(batch)).order_by(*in_order)):
                yield row_as_json(table, row)

    def _stream(self, query: sa.Select[Any]) -> Iterator[Any]:
        return iter(self._connection.execute(query, execution_options={"yield_per": _PAGE}))

    def _lines(self, name: str, rows: Iterable[Row]) -> None:
        self._written[name] = 0

        def counted() -> Iterator[Row]:
            for row in rows:
                self._written[name] += 1
                yield row

        self._file.lines(name, counted())


def _values(rows: Sequence[Row], name: str) -> set[Any]:
    return {row[name] for row in rows if name in row}


def _portable(row: Row) -> Row:
    """A run without the columns that have a meaning in its own database only."""
    return {name: value for name, value in row.items() if name not in ("number", "event_seq", "restored")}


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


def _with_last_run(last_seen: dict[tuple[int, int], dict[str, Any]]) -> Callable[[Row], Row]:
    """Let snapshots name runs of the archive only."""

    def converted(row: Row) -> Row:
        seen = last_seen.get((row["stream_id"], row["seq"]))
        if seen is None:
            return {**row, "last_run_id": NOT_ARCHIVED}
        return {**row, "last_run_id": seen["run"], "last_at": seen["at"].isoformat()}

    return converted


def _clipped(newest: dict[int, int]) -> Callable[[Row], Row]:
    """A finding that ended after the newest snapshot of the archive has no end in the archive."""

    def converted(row: Row) -> Row:
        return {name: value for name, value in row.items() if name != "valid_to" or value < newest[row["stream_id"]]}

    return converted


def _collecting(fingerprints: set[str], rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        fingerprints.add(row["fingerprint"])
        yield row


def _refuse_open_runs(connection: sa.Connection, run_ids: Sequence[str]) -> None:
    for batch in batched(run_ids):
        open_runs = sa.select(runs.c.id, runs.c.status).where(
            runs.c.id.in_(batch), runs.c.status.in_((RunStatus.QUEUED.value, RunStatus.RUNNING.value))
        )
        row = connection.execute(open_runs.limit(1)).first()
        if row is not None:
            raise RunError(f"The run {row.id} is still {row.status}", remedy="Archive only runs that have ended")
