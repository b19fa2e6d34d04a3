"""In which runs a finding was present.

Exactly for the newest runs of a runbook, which are read. When earlier runs first and last had it, their snapshots say,
so that the answer takes as long after a million runs as after a thousand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from waivern.database.schema.tables import artifacts, finding_snapshots, finding_streams, findings, runs
from waivern.history.current_findings import Presence
from waivern.history.finding import Finding

MAX_READ_RUNS = 1_000
_NO_END = 2**31 - 1


def presences_of(connection: sa.Connection, fingerprint: str) -> list[Presence]:
    """Return in which runs a finding was present, by runbook, oldest first."""
    rows = connection.execute(_VERSIONS, {"of_fingerprint": fingerprint}).all()
    presences = [
        presence
        for _, versions in groupby(rows, key=lambda row: row.stream_id)
        for presence in _in_stream(connection, list(versions), newest=MAX_READ_RUNS)
    ]
    return sorted(presences, key=lambda presence: (presence.runbook, presence.first_at, presence.artifact_id))


def finding_of_row(row: Any) -> Finding:
    """Return the finding in a row that has its columns."""
    return Finding(**{name: getattr(row, name) for name in Finding.__struct_fields__})


def _in_stream(connection: sa.Connection, versions: Sequence[Any], *, newest: int) -> Iterator[Presence]:
    stream = {"of_name": versions[0].runbook_name, "of_artifact": versions[0].artifact_id}
    read_runs = connection.execute(_NEWEST_RUNS, {**stream, "newest": newest}).all()
    presences = list(_consecutive([run for run in read_runs if run.snapshot_seq is not None], versions))
    are_all = len(read_runs) < newest
    for version in versions:
        in_read_runs = [presence for of_version, presence in presences if of_version is version]
        earlier = None if are_all else _before(connection, version, read_runs[0], in_read_runs)
        if earlier is not None:
            yield earlier
            in_read_runs = in_read_runs[1:]
        yield from in_read_runs


def _consecutive(scans: Sequence[Any], versions: Sequence[Any]) -> Iterator[tuple[Any, Presence]]:
    """Yield the consecutive runs that held the same version of the finding."""
    for version, group in groupby(scans, key=lambda scan: _version_in(scan.snapshot_seq, versions)):
        if version is not None:
            in_order = list(group)
            first, last = in_order[0], in_order[-1]
            first_at, last_at = first.started_at or first.created_at, last.started_at or last.created_at
            yield version, _presence(version, first.id, first_at, last.id, last_at, len(in_order))


def _before(
    connection: sa.Connection, version: Any, oldest_read_run: Any, in_read_runs: Sequence[Presence]
) -> Presence | None:
    """Return a presence from the first run that held a version, if that is before the runs that were read.

    It ends with the first presence in the runs that were read, or where the version was last seen. Runs in between are
    not counted, and may have held others.
    """
    snapshots = {
        "of_stream": version.stream_id,
        "from_seq": version.valid_from,
        "to_seq": _NO_END if version.valid_to is None else version.valid_to,
    }
    first = connection.execute(_FIRST_SEEN, snapshots).first()
    if first is None:  # its snapshot is being written
        return None
    if (first.created_at or first.first_at, first.first_run_id) >= (oldest_read_run.created_at, oldest_read_run.id):
        return None
    first_at = first.started_at or first.created_at or first.first_at
    if in_read_runs:
        return replace(in_read_runs[0], first_run=first.first_run_id, first_at=first_at, runs=None)
    last = connection.execute(_LAST_SEEN, snapshots).one()
    last_at = max(first_at, last.started_at or last.created_at or last.last_at)
    return _presence(version, first.first_run_id, first_at, last.last_run_id, last_at, None)


def _presence(version: Any, first_run: str, first_at: Any, last_run: str, last_at: Any, count: int | None) -> Presence:
    return Presence(
        runbook=version.runbook_name,
        artifact_id=version.artifact_id,
        finding=finding_of_row(version),
        first_run=first_run,
        first_at=first_at,
        last_run=last_run,
        last_at=last_at,
        runs=count,
    )


def _version_in(seq: int, versions: Sequence[Any]) -> Any:
    return next(
        (row for row in versions if row.valid_from <= seq and (row.valid_to is None or seq <= row.valid_to)), None
    )


_VERSIONS = (
    sa.select(findings, finding_streams.c.runbook_name, finding_streams.c.artifact_id)
    .join(finding_streams, finding_streams.c.id == findings.c.stream_id)
    .where(findings.c.fingerprint == sa.bindparam("of_fingerprint"))
    .order_by(findings.c.stream_id, findings.c.valid_from)
)
_READ_RUNS = (
    sa.select(*(runs.c[name] for name in ("number", "id", "started_at", "created_at")))
    .where(runs.c.runbook_name == sa.bindparam("of_name"))
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
    .limit(sa.bindparam("newest", type_=sa.Integer))
    .subquery()
)
_NEWEST_RUNS = (
    sa.select(*(_READ_RUNS.c[name] for name in ("id", "started_at", "created_at")), artifacts.c.snapshot_seq)
    .join(
        artifacts,
        (artifacts.c.run_number == _READ_RUNS.c.number) & (artifacts.c.artifact_id == sa.bindparam("of_artifact")),
        isouter=True,
    )
    .order_by(_READ_RUNS.c.created_at, _READ_RUNS.c.id)
)
_OF_VERSION = (
    finding_snapshots.c.stream_id == sa.bindparam("of_stream"),
    finding_snapshots.c.seq.between(sa.bindparam("from_seq"), sa.bindparam("to_seq")),
)
_FIRST_SEEN = (
    sa.select(finding_snapshots.c.first_run_id, finding_snapshots.c.first_at, runs.c.started_at, runs.c.created_at)
    .join(runs, runs.c.id == finding_snapshots.c.first_run_id, isouter=True)
    .where(*_OF_VERSION)
    .order_by(finding_snapshots.c.seq)
    .limit(1)
)
_LAST_SEEN = (
    sa.select(finding_snapshots.c.last_run_id, finding_snapshots.c.last_at, runs.c.started_at, runs.c.created_at)
    .join(runs, runs.c.id == finding_snapshots.c.last_run_id, isouter=True)
    .where(*_OF_VERSION)
    .order_by(finding_snapshots.c.last_at.desc())
    .limit(1)
)
