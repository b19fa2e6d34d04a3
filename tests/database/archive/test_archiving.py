"""Runs move from one database to another and back: nothing is lost, and nothing altered or half done is restored."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.builders.thoroughness import examples
from tests.database.findings.test_finding_history import entry, message
from tests.servers.databases import fresh_postgres_database, sqlite_url
from waivern import ArchiveError, EncryptionError, PrunedArtifactError, RunError
from waivern.caller import Caller
from waivern.database.archive.archive_rows import row_as_json
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.connection.engine import open_engine
from waivern.database.connection.keyring import new_key, read_keyring
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.decisions.decision_log import SqlDecisionLog
from waivern.database.events.run_merkle import RunMerkle
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.artifact_view import artifact_view
from waivern.database.schema.tables import blobs, events, imported_events, metadata, runs
from waivern.history.archives import RestoredRuns, RestoreOptions
from waivern.history.decisions import Decision, Origin, Verdict
from waivern.history.events import EventKind, event_hash
from waivern.history.gates import GateResult
from waivern.history.retention import PruneRequest
from waivern.messages.canonical import canonical_bytes
from waivern.runbooks.model.gate import parse_gate
from waivern.runs.run import RunStatus
from waivern.testing.builders import message_of, plan_of

ALL = RestoreOptions(with_decisions=True)
Found = Mapping[str, int]
NUMBERED = {
    "runs": ("number", "event_seq", "restored"),
    "finding_streams": ("id",),
    "decisions": ("seq",),
}


def run_with(
    engine: sa.Engine,
    found: Found,
    *,
    text: str = "ann@example.org",
    retain: str | None = None,
    status: RunStatus = RunStatus.SUCCEEDED,
) -> str:
    """Execute a run with a source and these findings: {name: number of matches}."""
    source = {"source": {"type": "any"}, **({"retain": retain} if retain else {})}
    plan = plan_of({"source": source, "found": {"inputs": ["source"], "process": {"type": "any"}}})
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    run.store.save("source", message_of(text=text))
    run.store.save("found", message([entry(name, count=count) for name, count in found.items()]))
    run.log.close(status)
    return run.run_id


def decide(engine: sa.Engine, name: str, verdict: Verdict = Verdict.SUPPRESSED) -> None:
    decision = Decision(verdict=verdict, fingerprint=name * 32, reason="why", owner="dpo", origin=Origin.COMMAND)
    SqlDecisionLog(engine).decide(decision, caller=Caller("dpo@host"))


@contextmanager
def another_sqlite(folder: Path, **options: Any) -> Iterator[sa.Engine]:
    url = sqlite_url(folder)
    with migrated(url):
        pass
    engine = open_engine(url, synchronous="NORMAL", **options)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sa.Engine]:
    """A second database: a SQLite file."""
    (tmp_path / "other").mkdir()
    with another_sqlite(tmp_path / "other") as engine:
        yield engine


def everything_of(engine: sa.Engine, run_ids: list[str]) -> dict[str, Any]:
    """Return all rows of the database without the numbers that differ between databases."""
    skipped = {
        "events",
        "imported_events",
        "blob_keys",
        "services",
        "periodic_tasks",
        "current_findings",
        "finding_locations",
        "finding_state_cursors",
    }
    skipped |= {"artifacts", "artifact_declarations", "overviews"}  # read as one view
    records: dict[str, Any] = {}
    with engine.connect() as connection:
        names = {}
        for row in connection.execute(sa.select(metadata.tables["finding_streams"])):
            names[row.id] = f"{row.runbook_name}/{row.artifact_id}"
        read = [table for name, table in metadata.tables.items() if name not in skipped]
        for table in (*read, artifact_view):
            name = table.name
            rows = [row_as_json(table, row) for row in connection.execute(sa.select(table))]
            for row in rows:
                if "stream_id" in row:
                    row["stream_id"] = names[row["stream_id"]]
                for numbered in NUMBERED.get(name, ()):
                    row.pop(numbered, None)
            records[name] = sorted(json.dumps(row, sort_keys=True) for row in rows)
        records["roots"] = [RunMerkle.of(connection, run_id).root for run_id in run_ids]
    records["findings by run"] = [SqlHistory(engine).findings_of(run_id) for run_id in run_ids]
    return records


def has_nothing(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return not any(
            connection.scalar(sa.select(sa.func.count()).select_from(table))
            for name, table in metadata.tables.items()
            if name not in ("events", "periodic_tasks")
        )


def moved(
    engine: sa.Engine, into: sa.Engine, run_ids: list[str], file: Path, options: RestoreOptions = ALL
) -> RestoredRuns:
    SqlAuditLog(engine).archive(run_ids, file, caller=Caller("ann@here"))
    return SqlAuditLog(into).restore(file, options, caller=Caller("bo@there"))


def test_a_restored_run_is_identical_in_the_other_database(engine: sa.Engine, other: sa.Engine, tmp_path: Path) -> None:
    run_ids = [run_with(engine, {"a": 1}), run_with(engine, {"a": 1, "b": 2}, text="x" * 9000)]
    decide(engine, "a")
    results = [GateResult(parse_gate("any"), violations=3), GateResult(parse_gate("incomplete"))]
    SqlDecisionLog(engine).record_gates(run_ids[0], results, caller=CALLER)
    restored = moved(engine, other, run_ids, tmp_path / "runs.zip")
    assert (restored.runs, restored.already_present, restored.conflicting_decisions) == (run_ids, [], 0)
    assert SqlDecisionLog(other).gates_of(run_ids[0]) == {"any": 3, "incomplete": 0}
    assert everything_of(other, run_ids) == everything_of(engine, run_ids)
    assert SqlHistory(other).message_of(run_ids[1], "source").content == {"text": "x" * 9000}
    archived, (imported, event) = SqlAuditLog(engine).newest(limit=1)[0], SqlAuditLog(other).newest(limit=2)
    assert (archived.actor, archived.kind, archived.body["runs"]) == ("user:ann@here", EventKind.RUNS_ARCHIVED, run_ids)
    assert (event.actor, event.kind, event.body["run"]) == (
        "user:bo@there",
        EventKind.RUN_RESTORED,
        run_ids[1],
    )
    assert event.body["root"] == everything_of(engine, run_ids)["roots"][1]
    assert (imported.actor, imported.kind, imported.body["events"]) == ("user:bo@there", EventKind.EVENTS_IMPORTED, 6)


def test_restoring_again_skips_runs_that_are_present(engine: sa.Engine, other: sa.Engine, tmp_path: Path) -> None:
    run_ids = [run_with(engine, {"a": 1})]
    moved(engine, other, run_ids, tmp_path / "one.zip")
    run_ids.append(run_with(engine, {"a": 2, "b": 1}))
    again = moved(engine, other, run_ids, tmp_path / "two.zip")
    assert (again.runs, again.already_present) == (run_ids[1:], run_ids[:1])
    assert everything_of(other, run_ids) == everything_of(engine, run_ids)
    once_more = SqlAuditLog(other).restore(tmp_path / "one.zip", RestoreOptions(), caller=Caller("t"))
    assert (once_more.runs, once_more.already_present) == ([], run_ids[:1])
    assert everything_of(other, run_ids) == everything_of(engine, run_ids)


def test_a_run_that_differs_from_the_one_here_is_refused(engine: sa.Engine, other: sa.Engine, tmp_path: Path) -> None:
    run_ids = [run_with(engine, {"a": 1})]
    moved(engine, other, run_ids, tmp_path / "runs.zip")
    with other.begin() as connection:
        connection.execute(sa.update(runs).values(error="altered"))
    before = everything_of(other, run_ids)
    with pytest.raises(ArchiveError, match="is already here and differs"):
        SqlAuditLog(other).restore(tmp_path / "runs.zip", RestoreOptions(), caller=Caller("t"))
    assert everything_of(other, run_ids) == before


def test_a_running_run_cannot_be_archived(engine: sa.Engine, tmp_path: Path) -> None:
    run = SqlRunStore(engine).create(plan_of({"a": {"source": {"type": "any"}}}), trigger="test", caller=CALLER)
    with pytest.raises(RunError, match="is still running"):
        SqlAuditLog(engine).archive([run.run_id], tmp_path / "runs.zip", caller=Caller("t"))
    run.log.close(RunStatus.FAILED)
    assert list(tmp_path.glob("*.zip")) == []


def test_one_of_several_runs_is_archived_with_its_own_findings(
    engine: sa.Engine, other: sa.Engine, tmp_path: Path
) -> None:
    first, second, third = (run_with(engine, found) for found in ({"a": 1}, {"a": 1, "b": 1}, {"b": 2}))
    moved(engine, other, [second], tmp_path / "second.zip")
    assert SqlHistory(other).findings_of(second) == SqlHistory(engine).findings_of(second)
    moved(engine, other, [first, second, third], tmp_path / "all.zip")
    assert everything_of(other, [first, second, third]) == everything_of(engine, [first, second, third])


def test_findings_with_a_different_history_here_are_refused(
    engine: sa.Engine, other: sa.Engine, tmp_path: Path
) -> None:
    run_ids = [run_with(engine, {"a": 1}), run_with(engine, {"b": 1})]
    mine = run_with(other, {"c": 1})
    before = everything_of(other, [mine])
    with pytest.raises(ArchiveError, match="a different history of findings here"):
        moved(engine, other, run_ids, tmp_path / "runs.zip")
    assert everything_of(other, [mine]) == before


def test_pruned_contents_stay_pruned(engine: sa.Engine, other: sa.Engine, tmp_path: Path) -> None:
    pruned = run_with(engine, {"a": 1}, retain="none")
    kept = run_with(engine, {"a": 1})
    moved(engine, other, [pruned], tmp_path / "runs.zip")
    with pytest.raises(PrunedArtifactError):
        SqlHistory(other).message_of(pruned, "source")
    with zipfile.ZipFile(tmp_path / "runs.zip") as archive:
        assert sum(name.startswith("blobs/") for name in archive.namelist()) == 1
    assert SqlHistory(engine).message_of(kept, "source").content["text"] == "ann@example.org"
    SqlRetention(other).prune(PruneRequest(older_than=timedelta(0)), caller=Caller("t"))
    SqlAuditLog(other).restore(tmp_path / "runs.zip", RestoreOptions(), caller=Caller("t"))
    with other.connect() as connection:
        assert set(connection.scalars(sa.select(blobs.c.codec))) == {TOMBSTONE}


def test_a_different_decision_here_is_not_overridden(engine: sa.Engine, other: sa.Engine, tmp_path: Path) -> None:
    first = run_with(engine, {"a": 1, "b": 1})
    moved(engine, other, [first], tmp_path / "first.zip")
    decide(other, "a", Verdict.ACCEPTED)
    decide(engine, "a")
    decide(engine, "b")
    restored = moved(engine, other, [first, run_with(engine, {"a": 1, "b": 1})], tmp_path / "runs.zip")
    assert restored.conflicting_decisions == 1
    assert [decision.verdict for decision in SqlDecisionLog(other).decisions_about("a" * 32)] == [Verdict.ACCEPTED]
    assert [decision.verdict for decision in SqlDecisionLog(other).decisions_about("b" * 32)] == [Verdict.SUPPRESSED]


def test_encrypted_contents_stay_encrypted_and_need_their_key(tmp_path: Path) -> None:
    key = new_key()
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    with another_sqlite(tmp_path / "one", keys=read_keyring(text=key)) as one:
        run_id = run_with(one, {"a": 1}, text="secret text")
        SqlAuditLog(one).archive([run_id], tmp_path / "runs.zip", caller=Caller("t"))
    assert b"secret text" not in (tmp_path / "runs.zip").read_bytes()
    with another_sqlite(tmp_path / "two") as two:
        with pytest.raises(EncryptionError, match="no key is given"):
            SqlAuditLog(two).restore(tmp_path / "runs.zip", RestoreOptions(), caller=Caller("t"))
        assert has_nothing(two)
    with another_sqlite(tmp_path / "three", keys=read_keyring(text=key)) as three:
        SqlAuditLog(three).restore(tmp_path / "runs.zip", RestoreOptions(), caller=Caller("t"))
        assert SqlHistory(three).message_of(run_id, "source").content == {"text": "secret text"}


Change = Callable[[dict[str, bytes]], dict[str, bytes]]


def rewritten(file: Path, change: Change) -> Path:
    """Return a copy of the archive with changed files; the manifest stays unless the change replaces it."""
    with zipfile.ZipFile(file) as archive:
        files = change({name: archive.read(name) for name in archive.namelist()})
    altered = file.with_name("altered.zip")
    with zipfile.ZipFile(altered, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return altered


def with_manifest(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with a manifest that matches them, as an attacker would write it."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
        if name != "manifest.json"
    }
    return {**files, "manifest.json": json.dumps(manifest).encode()}


def first_blob(files: Mapping[str, bytes]) -> str:
    return min(name for name in files if name.startswith("blobs/"))


def altered(files: dict[str, bytes], name: str, old: bytes, new: bytes) -> dict[str, bytes]:
    assert old in files[name]
    return {**files, name: files[name].replace(old, new)}


def forged(name: str, old: bytes, new: bytes) -> Change:
    """Replace a text in a file of rows, with a matching manifest."""
    return lambda files: with_manifest(altered(files, f"rows/{name}.jsonl", old, new))


def without(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {other: data for other, data in files.items() if other != name}


def first_line(data: bytes) -> bytes:
    return data.splitlines(keepends=True)[0]


ALTERATIONS: dict[str, Change] = {
    "changed row": lambda files: altered(files, "rows/runs.jsonl", b"by hand", b"by feet"),
    "changed content": lambda files: {**files, first_blob(files): b"{}"},
    "missing content": lambda files: without(files, first_blob(files)),
    "extra file": lambda files: {**files, "rows/extra.jsonl": b"{}"},
    "path traversal": lambda files: with_manifest({**files, "../../etc/passwd": b"x"}),
    "absolute path": lambda files: with_manifest({**files, "/etc/passwd": b"x"}),
    "unknown version": lambda files: altered(files, "manifest.json", b'"version": 2', b'"version": 3'),
    "unknown format": lambda files: altered(files, "manifest.json", b"waivern-archive", b"another-format"),
    "missing manifest": lambda files: without(files, "manifest.json"),
    "manifest that is not JSON": lambda files: {**files, "manifest.json": b"{"},
    "manifest that is a list": lambda files: {**files, "manifest.json": b"[]"},
    "forged status of a run": forged("runs", b"succeeded", b"failed"),
    "forged content": lambda files: with_manifest({**files, first_blob(files): b"{}"}),
    "forged snapshot": forged("finding_snapshots", b'"rules_version":"1"', b'"rules_version":"2"'),
    "forged finding": forged("findings", b'"severity":"medium"', b'"severity":"low"'),
    "forged event": forged("events", b'"trigger":"test"', b'"trigger":"other"'),
    "unknown column": forged("runs", b'"epoch"', b'"epochs"'),
    "wrong type": forged("runs", b'"epoch":1', b'"epoch":"1"'),
    "missing artifacts": lambda files: with_manifest(
        {**files, "rows/artifacts.jsonl": first_line(files["rows/artifacts.jsonl"])}
    ),
    "missing content with a matching manifest": lambda files: with_manifest(without(files, first_blob(files))),
    "unknown codec": forged("blobs", b'"codec":"raw"', b'"codec":"odd"'),
    "missing time": forged("events", b'"at":', b'"previous":'),
    "event body that is a list": lambda files: with_manifest({**files, "rows/events.jsonl": b'{"seq":1,"body":[]}\n'}),
    "row that is a list": lambda files: with_manifest({**files, "rows/runs.jsonl": b"[]\n"}),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_archive_is_refused_and_leaves_nothing_behind(
    tmp_path: Path, other: sa.Engine, alteration: str
) -> None:
    (tmp_path / "one").mkdir()
    with another_sqlite(tmp_path / "one") as one:
        SqlAuditLog(one).archive([run_with(one, {"a": 1})], tmp_path / "runs.zip", caller=Caller("t"))
    with pytest.raises(ArchiveError):
        SqlAuditLog(other).restore(
            rewritten(tmp_path / "runs.zip", ALTERATIONS[alteration]), RestoreOptions(), caller=Caller("t")
        )
    assert has_nothing(other)


def test_a_truncated_or_missing_file_is_refused(tmp_path: Path, other: sa.Engine) -> None:
    (tmp_path / "one").mkdir()
    with another_sqlite(tmp_path / "one") as one:
        SqlAuditLog(one).archive([run_with(one, {"a": 1})], tmp_path / "runs.zip", caller=Caller("t"))
    whole = (tmp_path / "runs.zip").read_bytes()
    cut = tmp_path / "cut.zip"
    for length in (0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        cut.write_bytes(whole[:length])
        with pytest.raises(ArchiveError):
            SqlAuditLog(other).restore(cut, RestoreOptions(), caller=Caller("t"))
    for path in (tmp_path / "missing.zip", tmp_path):
        with pytest.raises(ArchiveError):
            SqlAuditLog(other).restore(path, RestoreOptions(), caller=Caller("t"))
    assert has_nothing(other)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_byte_is_noticed_or_changes_nothing(tmp_path: Path, other: sa.Engine, data: st.DataObject) -> None:
    file, flipped = tmp_path / "runs.zip", tmp_path / "flipped.zip"
    if not file.exists():
        (tmp_path / "one").mkdir()
        with another_sqlite(tmp_path / "one") as one:
            SqlAuditLog(one).archive([run_with(one, {"a": 1, "b": 2})], file, caller=Caller("t"))
    whole = bytearray(file.read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    flipped.write_bytes(whole)
    from waivern.formats.archive_file import ArchiveReader

    with ArchiveReader(file) as intact:
        intact.check()
        rows = {name: list(intact.lines(name)) for name in ("runs", "artifacts", "events", "findings")}
    try:
        with ArchiveReader(flipped) as read:
            read.check()
            assert {name: list(read.lines(name)) for name in rows} == rows
    except ArchiveError:
        pass


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("abcd"), st.integers(1, 3), max_size=3),
            st.sampled_from(["x", "y", "z" * 3000]),
            st.sampled_from([None, "none", "30d"]),
            st.booleans(),
        ),
        min_size=1,
        max_size=5,
    ),
    decided=st.sampled_from([None, "a"]),
)
def test_runs_are_identical_after_moving_from_sqlite_to_postgres_and_back(
    postgres_server_url: str, tmp_path_factory: pytest.TempPathFactory, made: Any, decided: str | None
) -> None:
    folder = tmp_path_factory.mktemp("moving")
    for name in ("one", "back"):
        (folder / name).mkdir()
    with (
        another_sqlite(folder / "one") as one,
        fresh_postgres_database(postgres_server_url) as url,
        migrated(url) as postgres,
        another_sqlite(folder / "back") as back,
    ):
        run_ids = [
            run_with(one, found, text=text, retain=retain, status=RunStatus.SUCCEEDED if ok else RunStatus.FAILED)
            for found, text, retain, ok in made
        ]
        if decided is not None and any(decided in found for found, *_ in made):
            decide(one, decided)
        moved(one, postgres, run_ids, folder / "there.zip")
        moved(postgres, back, run_ids, folder / "back.zip")
        at_first = everything_of(one, run_ids)
        assert everything_of(postgres, run_ids) == at_first
        assert everything_of(back, run_ids) == at_first
        chain = {row.seq: row.hash for row in one.connect().execute(sa.select(events))}
        with back.connect() as connection:
            kept = connection.execute(sa.select(imported_events)).all()
        assert len({row.origin for row in kept}) == 2
        for row in kept:
            fields = {name: getattr(row, name) for name in ("seq", "at", "actor", "kind", "previous")}
            assert event_hash(**fields, body=canonical_bytes(row.body)) == row.hash
        of_first = [row for row in kept if row.kind == EventKind.RUN_CLOSED]
        assert len(of_first) == len(run_ids)
        assert all(chain[row.seq] == row.hash for row in of_first)
