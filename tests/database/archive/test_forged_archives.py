"""Restoring archives that an attacker wrote: nothing from them runs, and nothing unproven passes for proven."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import zstandard

from tests.builders.callers import CALLER
from tests.database.archive.test_archiving import (
    another_sqlite,
    decide,
    has_nothing,
    moved,
    rewritten,
    run_with,
    with_manifest,
)
from waivern import ArchiveError, PrunedArtifactError, RunError
from waivern.caller import Caller
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs.blob import Blob
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.decisions.decision_log import SqlDecisionLog
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.tables import current_findings, decisions, imported_events, notifications, runs, schedules
from waivern.errors import CorruptArtifactError
from waivern.history.archives import RestoredRuns, RestoreOptions
from waivern.history.decisions import Verdict
from waivern.history.events import EventKind, event_hash
from waivern.history.run_records import RunFilter
from waivern.messages.canonical import canonical_bytes, digest_of
from waivern.runs.run import utc_now
from waivern.testing.builders import plan_of

Files = dict[str, bytes]
Rows = list[dict[str, Any]]
ANYTHING = RestoreOptions(with_decisions=True, allow_unproven=True)
SCHEDULE = "11111111-1111-4111-8111-111111111111"
LONG_AGO, IN_2999 = "2020-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"
EVIL_SCHEDULE = {
    "id": SCHEDULE,
    "name": "evil",
    "runbook_path": "/tmp/evil.yaml",
    "runbook_name": "evil",
    "kind": "cron",
    "expression": "0 0 1 1 *",
    "timezone": "UTC",
    "catch_up": "latest",
    "max_catch_up": 100,
    "overlap": "skip",
    "jitter_s": 0.0,
    "priority": 0,
    "max_attempts": 1,
    "declared_in": "/tmp",
    "working_directory": "/tmp",
    "notify": {"command": ["/bin/sh", "-c", "id"], "webhook": "https://evil.example", "events": ["failed"]},
    "status": "active",
    "evaluated_until": LONG_AGO,
    "created_at": LONG_AGO,
    "changed_at": LONG_AGO,
}


@pytest.fixture
def one(tmp_path: Path) -> Iterator[sa.Engine]:
    """The database that the archive comes from."""
    (tmp_path / "one").mkdir()
    with another_sqlite(tmp_path / "one") as engine:
        yield engine


@pytest.fixture
def other(engine: sa.Engine) -> sa.Engine:
    """The database that the archive is restored into."""
    return engine


@pytest.fixture
def archive(one: sa.Engine, tmp_path: Path) -> Path:
    """An archive of one run with two findings, of which one is suppressed."""
    run_id = run_with(one, {"a": 1, "b": 1})
    decide(one, "a")
    SqlAuditLog(one).archive([run_id], tmp_path / "runs.zip", caller=Caller("ann@here"))
    return tmp_path / "runs.zip"


def rows(files: Files, table: str) -> Rows:
    return [json.loads(line) for line in files.get(f"rows/{table}.jsonl", b"").splitlines()]


def with_rows(files: Files, table: str, changed: Rows) -> Files:
    present = ({name: value for name, value in row.items() if value is not None} for row in changed)
    data = b"".join(json.dumps(row).encode() + b"\n" for row in present)
    return with_manifest({**files, f"rows/{table}.jsonl": data})


def every(table: str, **changes: Any) -> Callable[[Files], Files]:
    """Change columns of every row of a table."""
    return lambda files: with_rows(files, table, [{**row, **changes} for row in rows(files, table)])


def another(table: str, **columns: Any) -> Callable[[Files], Files]:
    """Add a row to a table: the first one with other columns."""
    return lambda files: with_rows(
        files, table, [*rows(files, table), {**next(iter(rows(files, table)), {}), **columns}]
    )


def rehashed(files: Files) -> Files:
    """Give each event the hash of its forged content."""
    changed = []
    for row in rows(files, "events"):
        fields = {name: row[name] for name in ("seq", "actor", "kind", "previous")}
        at = datetime.fromisoformat(row["at"])
        changed.append({**row, "hash": event_hash(**fields, at=at, body=canonical_bytes(row["body"]))})
    return with_rows(files, "events", changed)


def without_events(files: Files) -> Files:
    return with_rows(files, "events", [])


def restore(into: sa.Engine, file: Path, options: RestoreOptions = ANYTHING) -> RestoredRuns:
    return SqlAuditLog(into).restore(file, options, caller=Caller("bo@there"))


def planted_run(**columns: Any) -> Callable[[Files], Files]:
    run_id = "01a22f3f-0000-73bc-b3af-a0d6e45125bd"
    return another("runs", id=run_id, runbook_path="/tmp/evil.yaml", **columns)


NEVER_RESTORED: dict[str, Callable[[Files], Files]] = {
    "queued run": planted_run(status="queued", ended_at=None, started_at=None),
    "queued run that says it has ended": planted_run(status="queued"),
    "running run with a lease": planted_run(status="running", lease_until=LONG_AGO, ended_at=None),
    "running run without a lease": planted_run(status="running"),
    "ended run with a lease": planted_run(status="failed", lease_until=IN_2999),
    "run that has not ended": planted_run(status="failed", ended_at=None),
    "unknown status": planted_run(status="odd"),
    "run from the future": planted_run(created_at=IN_2999),
    "run that ended in the future": planted_run(ended_at=IN_2999),
    "scheduled time in the future": planted_run(due_at=IN_2999),
    "id that is not a UUID": another("runs", id="../../etc/passwd"),
    "the same run twice": another("runs"),
    "forged epoch": every("artifacts", epoch=7),
    "negative epoch": every("artifacts", epoch=-1),
    "forged epoch of an attempt": every("run_attempts", epoch=9),
    "more attempts than epochs": every("runs", attempts=9),
    "epoch beyond the column's range": every("runs", epoch=2**40),
    "artifact of a run that is not archived": another("artifacts", run_id=SCHEDULE),
    "gate of a run that is not archived": another("run_gates", run_id=SCHEDULE, gate="any", violations=0),
    "snapshot that no run holds": lambda files: every("finding_streams", last_seq=2)(
        another("finding_snapshots", seq=2)(files)
    ),
    "stream that no run holds": another("finding_streams", id=77, artifact_id="forged"),
    "snapshot without a stream": another("finding_snapshots", stream_id=77),
    "snapshot without a digest": every("finding_snapshots", rows_digest=None),
    "finding that ends in no snapshot": every("findings", valid_to=1),
    "finding that begins in no snapshot": another("findings", fingerprint="z" * 32, valid_from=2),
    "altered runbook": every("runbooks", sources={"x.yaml": "name: evil\n"}),
    "runbook with a different name": every("runbooks", name="evil"),
    "decision for a runbook without runs": every("decisions", runbook_name="other"),
    "decision that is not valid": every("decisions", reason=" "),
    "services": another("services", id=SCHEDULE, kind="serve"),
    "periodic tasks": another("periodic_tasks", name="prune", next_run_at=IN_2999),
    "notifications": another("notifications", run_id=SCHEDULE, target="command", kind="failed"),
    "schedule triggers": another("schedule_triggers", schedule_id=SCHEDULE, due_at=LONG_AGO),
    "gc candidates": another("gc_candidates", digest="0" * 64, generation=1),
    "current findings": another("current_findings", id=1),
    "file of decisions": another("decision_files", runbook_name="x", digest="0" * 64),
    "no runs, only decisions": lambda files: with_rows(
        with_rows(with_rows(files, "runs", []), "artifacts", []), "run_attempts", []
    ),
    "content without a row": lambda files: with_manifest({**files, f"blobs/{'0' * 64}": b"x"}),
    "event about another run": lambda files: rehashed(another("events", seq=99, body={"run": SCHEDULE})(files)),
    "event that does not follow the one before": lambda files: rehashed(every("events", previous="1" * 64)(files)),
    "event without a chain": lambda files: with_manifest(
        {**files, "manifest.json": files["manifest.json"].replace(b'"origin"', b'"no origin"')}
    ),
    "deeply nested event": lambda files: with_manifest(
        {**files, "rows/events.jsonl": b'{"seq":1,"body":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"}
    ),
    "number that is not finite": every("findings", confidence=float("inf")),
}


@pytest.mark.parametrize("forgery", NEVER_RESTORED)
def test_what_archives_never_hold_is_refused_whatever_is_allowed(other: sa.Engine, archive: Path, forgery: str) -> None:
    with pytest.raises(ArchiveError) as caught:
        restore(other, rewritten(archive, NEVER_RESTORED[forgery]))
    assert "was altered: its hash" not in str(caught.value)  # the forger computes matching hashes
    assert has_nothing(other)


def scheduled(files: Files) -> Files:
    return with_rows(every("runs", schedule_id=SCHEDULE, trigger="schedule")(files), "schedules", [EVIL_SCHEDULE])


def test_a_restored_schedule_has_no_command_target_or_path(other: sa.Engine, archive: Path) -> None:
    restore(other, rewritten(archive, lambda files: without_events(scheduled(files))))
    with other.connect() as connection:
        (row,) = connection.execute(sa.select(schedules)).all()
        assert connection.execute(sa.select(notifications)).all() == []
    assert (row.status, row.notify, row.runbook_path) == ("removed", None, "")
    assert (row.working_directory, row.declared_in, row.paused_because) == (None, None, None)
    assert row.removed_at is not None
    assert SqlScheduleStore(other).all() == []
    assert EventKind.SCHEDULE_RESTORED in [event.kind for event in SqlAuditLog(other).read()]


@pytest.mark.parametrize("changes", [{"expression": "not cron"}, {"kind": "every"}, {"timezone": "Nowhere/None"}])
def test_a_schedule_that_cannot_be_read_is_refused(other: sa.Engine, archive: Path, changes: dict[str, str]) -> None:
    with pytest.raises(ArchiveError):
        restore(other, rewritten(archive, lambda files: every("schedules", **changes)(scheduled(files))))


def test_nothing_that_was_restored_can_be_claimed_or_resumed(other: sa.Engine, archive: Path) -> None:
    (run_id,) = restore(other, archive).runs
    assert SqlRunStore(other).claim() is None
    plan = plan_of({"source": {"source": {"type": "any"}}, "found": {"inputs": ["source"], "process": {"type": "any"}}})
    with pytest.raises(RunError, match="was restored from an archive"):
        SqlRunStore(other).resume(run_id, plan, caller=CALLER)


@pytest.mark.parametrize("status", ["queued", "running"])
def test_the_database_refuses_to_let_a_restored_run_run(other: sa.Engine, archive: Path, status: str) -> None:
    restore(other, archive)
    lease = utc_now() if status == "running" else None
    with pytest.raises(sa.exc.DBAPIError), other.begin() as connection:
        connection.execute(sa.update(runs).values(status=status, lease_until=lease))


def test_a_run_without_its_events_is_refused_unless_allowed_and_then_marked(other: sa.Engine, archive: Path) -> None:
    file = rewritten(archive, without_events)
    with pytest.raises(ArchiveError, match="no event proves its run"):
        restore(other, file, RestoreOptions())
    assert has_nothing(other)
    restored = restore(other, file, RestoreOptions(allow_unproven=True))
    assert restored.unproven == restored.runs
    (event,) = [event for event in SqlAuditLog(other).read() if event.kind == EventKind.RUN_RESTORED]
    assert event.body["proven"] is False
    assert [run.restored for run in SqlHistory(other).recent(RunFilter(), limit=9)] == ["unproven"]


def test_a_proven_run_is_marked_as_restored(other: sa.Engine, archive: Path) -> None:
    assert restore(other, archive, RestoreOptions()).unproven == []
    assert [run.restored for run in SqlHistory(other).recent(RunFilter(), limit=9)] == ["proven"]


def test_an_unproven_run_stays_unproven_in_the_next_database(other: sa.Engine, archive: Path, tmp_path: Path) -> None:
    (run_id,) = restore(other, rewritten(archive, without_events)).runs
    (tmp_path / "third").mkdir()
    with another_sqlite(tmp_path / "third") as third:
        with pytest.raises(ArchiveError, match="no event proves"):
            moved(other, third, [run_id], tmp_path / "next.zip")
        assert restore(third, tmp_path / "next.zip").unproven == [run_id]


def test_a_run_whose_root_differs_is_refused_even_if_unproven_runs_are_allowed(other: sa.Engine, archive: Path) -> None:
    with pytest.raises(ArchiveError, match="root differs"):
        restore(other, rewritten(archive, every("runs", error="forged")))


def test_an_event_that_is_here_with_a_different_hash_is_refused(other: sa.Engine, archive: Path) -> None:
    restore(other, archive)
    with other.begin() as connection:
        connection.execute(sa.update(imported_events).values(hash="1" * 64))
    with pytest.raises(ArchiveError, match="differs from the one that is here"):
        restore(other, archive)


def test_an_archive_that_claims_to_come_from_this_database_is_refused(other: sa.Engine, archive: Path) -> None:
    run_with(other, {"c": 1})
    first = next(iter(SqlAuditLog(other).read()))

    def forged(files: Files) -> Files:
        manifest = json.loads(files["manifest.json"])
        return with_manifest(
            {**files, "manifest.json": json.dumps({**manifest, "origin": first.body["installation"]}).encode()}
        )

    with pytest.raises(ArchiveError, match="differs from the one that is here"):
        restore(other, rewritten(archive, forged))


def test_gates_that_no_event_recorded_are_refused_or_marked(other: sa.Engine, archive: Path, one: sa.Engine) -> None:
    run_id = SqlHistory(one).recent(RunFilter(), limit=1)[0].id
    file = rewritten(archive, another("run_gates", run_id=run_id, gate="any", violations=0))
    with pytest.raises(ArchiveError, match="no event proves the gates"):
        restore(other, file, RestoreOptions())
    assert restore(other, file).unproven == [run_id]


def test_decisions_are_listed_and_restored_only_on_request(other: sa.Engine, archive: Path) -> None:
    listed = restore(other, archive, RestoreOptions())
    assert [(decision.verdict, decision.owner) for decision in listed.decisions] == [(Verdict.SUPPRESSED, "dpo")]
    assert (listed.decisions_restored, SqlDecisionLog(other).decisions_about("a" * 32)) == (False, [])
    restored = restore(other, archive, RestoreOptions(with_decisions=True))
    assert (restored.decisions, restored.decisions_restored) == (listed.decisions, True)
    (decision,) = SqlDecisionLog(other).decisions_about("a" * 32)
    assert decision.decided_by == "user:dpo@host"
    (event,) = [event for event in SqlAuditLog(other).read() if event.kind == EventKind.DECISION_RESTORED]
    assert (event.actor, event.body["proven"], event.body["decision"]["fingerprint"]) == (
        "user:bo@there",
        True,
        "a" * 32,
    )
    assert set(event.body["from"]) == {"chain", "seq", "hash"}
    assert restore(other, archive, RestoreOptions(with_decisions=True)).decisions == []


def test_restored_decisions_apply_to_current_findings(other: sa.Engine, archive: Path) -> None:
    restore(other, archive, RestoreOptions())
    restore(other, archive, RestoreOptions(with_decisions=True))
    with other.connect() as connection:
        rows = connection.execute(sa.select(current_findings.c.fingerprint, current_findings.c.verdict)).all()
    assert {row.fingerprint[0]: row.verdict for row in rows} == {"a": "suppressed", "b": None}


@pytest.mark.parametrize(
    "forgery",
    [
        every("decisions", verdict="accepted"),
        every("decisions", reason="forged"),
        another("decisions", seq=9, fingerprint="b" * 32),
        another("decisions", seq=9, fingerprint=None, rule="email_address", location="*"),
    ],
)
def test_decisions_that_no_event_proves_are_refused_or_marked(
    other: sa.Engine, archive: Path, forgery: Callable[[Files], Files]
) -> None:
    file = rewritten(archive, forgery)
    assert len(restore(other, file, RestoreOptions()).decisions) > 0
    with pytest.raises(ArchiveError, match="no event proves its decision"):
        restore(other, file, RestoreOptions(with_decisions=True))
    with other.connect() as connection:
        assert connection.execute(sa.select(decisions)).all() == []
    restore(other, file)
    proven = [event.body["proven"] for event in SqlAuditLog(other).read() if event.kind == EventKind.DECISION_RESTORED]
    assert False in proven


def test_contents_that_were_erased_here_are_not_restored(other: sa.Engine, one: sa.Engine, tmp_path: Path) -> None:
    first, second = run_with(one, {"a": 1}), run_with(one, {"a": 1})
    moved(one, other, [first], tmp_path / "first.zip")
    retention = SqlRetention(other)
    digests = [content.digest for content in retention.contents_of_run(first, "source")]
    retention.erase(digests, reason="request 7", caller=Caller("dpo@there"))
    restored = moved(one, other, [second], tmp_path / "second.zip")
    assert (restored.runs, restored.erased_contents) == ([second], 1)
    with pytest.raises(PrunedArtifactError, match="request 7"):
        SqlHistory(other).message_of(second, "source")
    assert SqlAuditLog(other).verify(progress=lambda *_: None).mismatches == []


BOMB_BYTES = 300 * 1024 * 1024


def zeros_frame(*, declared: bool) -> bytes:
    compressor = zstandard.ZstdCompressor(level=1, write_content_size=declared)
    if declared:
        return compressor.compress(bytes(BOMB_BYTES))
    stream = compressor.compressobj()
    return b"".join([*(stream.compress(bytes(1 << 20)) for _ in range(BOMB_BYTES >> 20)), stream.flush()])


def as_parts(*frames: bytes) -> bytes:
    lengths = b"".join(len(frame).to_bytes(4, "big") for frame in frames)
    return b"".join(frames) + lengths + len(frames).to_bytes(4, "big")


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "undeclared"])
@pytest.mark.parametrize("codec", ["zstd", "zstd-parts"])
@pytest.mark.parametrize("size", [100, BOMB_BYTES * 2], ids=["small size", "large size"])
def test_a_decompression_bomb_is_refused_in_little_memory(
    other: sa.Engine, archive: Path, codec: str, declared: bool, size: int
) -> None:
    frame = zeros_frame(declared=declared)
    data = frame if codec == "zstd" else as_parts(frame)

    def bomb(files: Files) -> Files:
        blob = {"digest": "f" * 64, "codec": codec, "size": size}
        changed = with_rows(files, "blobs", [*rows(files, "blobs"), blob])
        return with_manifest({**changed, f"blobs/{'f' * 64}": data})

    file = rewritten(archive, bomb)
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError):
            restore(other, file)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert has_nothing(other)


def test_many_parts_may_not_exceed_the_size_together() -> None:
    part = zstandard.ZstdCompressor().compress(bytes(1000))
    blob = Blob("0" * 64, "zstd-parts", 1500, as_parts(part, part))
    with pytest.raises(CorruptArtifactError, match="decompressed"):
        blob.check(subject="it")
    with pytest.raises(CorruptArtifactError):
        blob.content(subject="it")


@pytest.mark.parametrize("declared", [True, False])
def test_a_content_of_exactly_its_size_is_read(declared: bool) -> None:
    content = b'{"a":"' + b"x" * 5_000_000 + b'"}'
    frame = zstandard.ZstdCompressor(write_content_size=declared).compress(content)
    Blob(digest_of(content), "zstd", len(content), frame).check(subject="it")
    Blob(digest_of(content), "zstd-parts", len(content), as_parts(frame)).check(subject="it")


def test_a_compressed_content_in_the_zip_is_refused(other: sa.Engine, archive: Path, tmp_path: Path) -> None:
    import zipfile

    deflated = tmp_path / "deflated.zip"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    with pytest.raises(ArchiveError, match="is compressed"):
        restore(other, deflated)
