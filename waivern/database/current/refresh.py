"""How the findings of a runbook stand by its newest complete run: worked out when there is another one.

What did not change is not written: a run that holds the sets of the run before moves the head, and no more.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.connection.inserts import insert_ignore
from waivern.database.current.finding_history import findings_of_run, omissions_of_artifact
from waivern.database.current.verdicts import judge
from waivern.database.runs.past_artifacts import made_message
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import (
    artifacts,
    current_findings,
    finding_locations,
    finding_snapshots,
    finding_state_cursors,
    finding_streams,
    findings,
    runs,
)
from waivern.errors import ArtifactStoreError
from waivern.history.comparison import why_not_looked_at
from waivern.history.finding import Finding, each_once
from waivern.history.omissions import ANYTHING, Omissions
from waivern.runs.run import UNFINISHED, RunStatus
from waivern.severity import SEVERITIES

SAID: Sequence[str] = tuple(name for name in Finding.__struct_fields__ if name != "fingerprint")
_ASKED_AT_ONCE = 500
_GONE = ("fixed", "unknown")


def newest_complete(runbook: Any) -> sa.Select[tuple[str]]:
    """The id of the newest complete run of a runbook, which is a name or a column of names."""
    newest_first = (runs.c.created_at.desc(), runs.c.id.desc())
    complete = (runs.c.runbook_name == runbook, runs.c.status == RunStatus.SUCCEEDED.value)
    return sa.select(runs.c.id).where(*complete, runs.c.reanalysis_of.is_(None)).order_by(*newest_first).limit(1)


def settle(connection: sa.Connection, runbook: str, *, today: date) -> None:
    """Let the findings of a runbook stand as its newest complete run says; of one without, as its newest run does."""
    run = _run_that_tells(connection, runbook)
    if run is None:
        return
    head = _locked_head(connection, runbook)
    lines = {row.artifact_id: row for row in connection.execute(_LINES, {"of_name": runbook})}
    held = {row.artifact_id: row.snapshot_seq for row in connection.execute(_HELD, {"of_run": run.id})}
    snapshots = {name: [held.get(name), line.last_seq] for name, line in lines.items()}
    is_another_run = head.run_id != run.id
    if is_another_run:
        connection.execute(_NO_LONGER_NEW, {"of_head": head.id})
    if snapshots != head.snapshots:
        _Settling(connection, head, run, lines, held).settle()
        judge(connection, head.id, runbook, today=today)
    if is_another_run or snapshots != head.snapshots:
        connection.execute(_MOVE, {"of_head": head.id, "run_id": run.id, "run_at": _began(run), "snapshots": snapshots})


def _run_that_tells(connection: sa.Connection, runbook: str) -> Any:
    complete = newest_complete(runbook).with_only_columns(runs.c.id, runs.c.started_at, runs.c.created_at)
    row = connection.execute(complete).first()
    return row or connection.execute(_NEWEST_WITH_FINDINGS, {"of_name": runbook}).first()


def _locked_head(connection: sa.Connection, runbook: str) -> Any:
    connection.execute(insert_ignore(connection, finding_state_cursors), {"runbook_name": runbook, "snapshots": {}})
    locked = sa.select(finding_state_cursors).where(finding_state_cursors.c.runbook_name == runbook).with_for_update()
    return connection.execute(locked).one()


@dataclass
class _Settling:
    """One runbook's findings, brought from what its head says to what a run found."""

    connection: sa.Connection
    head: Any
    run: Any
    lines: Mapping[str, Any]
    held: Mapping[str, int]

    def settle(self) -> None:
        self._change([*self._ends(), *self._changes()])
        self._add([*self._arrivals(), *self._passers_by()])

    @cached_property
    def found(self) -> dict[str, Finding]:
        """What the run holds; of what several artifacts hold, what a classifier said."""
        return each_once(finding for _, finding in findings_of_run(self.connection, self.run.id))

    @cached_property
    def known(self) -> dict[str, Any]:
        of_head = sa.select(current_findings).where(current_findings.c.cursor_id == self.head.id)
        return {row.fingerprint: row for row in self.connection.execute(of_head)}

    @cached_property
    def fresh(self) -> dict[str, tuple[Any, Any]]:
        """What came into the lines since they were settled: its first row and its last one."""
        fresh: dict[str, tuple[Any, Any]] = {}
        for artifact_id, line in self.lines.items():
            settled = self.head.snapshots.get(artifact_id, [None, 0])[1]
            if line.last_seq > settled:
                for row in self.connection.execute(_ROWS_SINCE, {"of_line": line.id, "of_seq": settled}):
                    first, last = fresh.get(row.fingerprint, (row, row))
                    fresh[row.fingerprint] = (min(first, row, key=_first_at), max(last, row, key=_first_at))
        return fresh

    @cached_property
    def _gone(self) -> dict[str, str | None]:
        """What is no longer held, with why it was not looked at, if it was not."""
        names = [name for name, row in self.known.items() if row.state != "fixed" and name not in self.found]
        passed = [name for name in self.fresh if name not in self.found and name not in self.known]
        places = {name: self.known[name].location for name in names} | {n: self.fresh[n][1].location for n in passed}
        holders = self._holders(places)
        return {
            name: why_not_looked_at(place, holders[name], self.held, self._omissions) for name, place in places.items()
        }

    def _holders(self, fingerprints: Collection[str]) -> dict[str, list[str]]:
        """Which artifacts ever held each of these."""
        artifact_of = {line.id: artifact_id for artifact_id, line in self.lines.items()}
        holders: dict[str, list[str]] = {name: [] for name in fingerprints}
        for some in batched(sorted(fingerprints), _ASKED_AT_ONCE):
            held_by = (
                sa.select(findings.c.fingerprint, findings.c.stream_id)
                .where(findings.c.fingerprint.in_(some), findings.c.stream_id.in_(list(artifact_of)))
                .distinct()
            )
            for fingerprint, stream_id in self.connection.execute(held_by):
                holders[fingerprint].append(artifact_of[stream_id])
        return holders

    def _omissions(self, artifact_id: str) -> Omissions:
        if artifact_id not in self._noted:
            noted = omissions_of_artifact(self.connection, self.run.id, artifact_id)
            self._noted[artifact_id] = self._told_by_message(artifact_id) if noted is None else noted
        return self._noted[artifact_id]

    @cached_property
    def _noted(self) -> dict[str, Omissions]:
        return {}

    def _told_by_message(self, artifact_id: str) -> Omissions:
        try:
            return Omissions.of(made_message(self.connection, self.run.id, artifact_id).envelope_without("findings"))
        except ArtifactStoreError:
            return Omissions({ANYTHING: "what its message said was left out cannot be read any more"}, {})

    def _ends(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """What is fixed or unknown by now, where it was not so before."""
        for name, because in self._gone.items():
            row = self.known.get(name)
            state = "fixed" if because is None else "unknown"
            if row is not None and row.state != state:
                was_there = row.state not in _GONE
                last = {"last_run_id": self.head.run_id, "last_at": self.head.run_at} if was_there else {}
                yield row.id, {"state": state, "since": _began(self.run), **last}

    def _arrivals(self) -> Iterator[dict[str, Any]]:
        for name, finding in self.found.items():
            if name not in self.known:
                first = self.fresh[name][0]
                is_new = bool(self.head.run_id) or first.first_run_id == self.run.id
                since = _began(self.run) if is_new else first.first_at
                said = {"state": "new" if is_new else "open", "since": since, "last_run_id": None, "last_at": None}
                yield {**self._row(finding), **_first(first), **said}

    def _passers_by(self) -> Iterator[dict[str, Any]]:
        """What only runs between the last two complete ones found."""
        for name, because in self._gone.items():
            if name not in self.known:
                first, last = self.fresh[name]
                seen = {"last_run_id": last.last_run_id, "last_at": last.last_at}
                by_older_rules = last.reanalysis_of is not None and last.last_at >= _began(self.run)
                is_fixed = because is None and not by_older_rules
                state = {"state": "fixed" if is_fixed else "unknown", "since": last.last_at}
                finding = Finding(name, **{each: getattr(last, each) for each in SAID})
                yield {**self._row(finding), **_first(first), **seen, **state}

    def _changes(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for name, finding in self.found.items():
            row = self.known.get(name)
            if row is None:
                continue
            changes = {} if _is_as_before(finding, row) else self._row(finding)
            if row.state in _GONE:
                changes |= {"state": "open", "since": _began(self.run), "last_run_id": None, "last_at": None}
            if changes:
                yield row.id, changes

    def _add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self.connection.execute(sa.insert(current_findings), rows)
            self._add_places({row["location"] for row in rows})

    def _change(self, changes: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row_id, values in changes:
            alike.setdefault(tuple(sorted(values)), []).append({"of_row": row_id, **values})
        for rows in alike.values():
            self.connection.execute(_UPDATE, rows)
            self._add_places({row["location"] for row in rows if "location" in row})

    def _add_places(self, places: Collection[str]) -> None:
        if places:
            add = insert_ignore(self.connection, finding_locations)
            self.connection.execute(add, [{"location": place} for place in sorted(places)])

    def _row(self, finding: Finding) -> dict[str, Any]:
        said = {name: getattr(finding, name) for name in SAID}
        rank = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else 0
        return {"cursor_id": self.head.id, "fingerprint": finding.fingerprint, "severity_rank": rank, **said}


def _first(row: Any) -> dict[str, Any]:
    return {"first_run_id": row.first_run_id, "first_at": row.first_at}


def _first_at(row: Any) -> datetime:
    at: datetime = row.first_at
    return at


def _began(run: Any) -> datetime:
    began: datetime = run.started_at or run.created_at
    return began


def _is_as_before(finding: Finding, row: Any) -> bool:
    return all(getattr(finding, name) == getattr(row, name) for name in SAID)


_LINES = sa.select(finding_streams).where(finding_streams.c.runbook_name == sa.bindparam("of_name"))
_HELD = sa.select(artifacts.c.artifact_id, artifacts.c.snapshot_seq).where(
    artifacts.c.run_number == run_number_of(sa.bindparam("of_run")), artifacts.c.snapshot_seq.is_not(None)
)
_NEWEST_WITH_FINDINGS = (
    sa.select(runs.c.id, runs.c.started_at, runs.c.created_at)
    .where(
        runs.c.runbook_name == sa.bindparam("of_name"), runs.c.status.not_in([status.value for status in UNFINISHED])
    )
    .where(runs.c.reanalysis_of.is_(None))
    .where(sa.exists().where(artifacts.c.run_number == runs.c.number, artifacts.c.snapshot_seq.is_not(None)))
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
    .limit(1)
)
_ROWS_SINCE = (
    sa.select(
        findings,
        *(finding_snapshots.c[name] for name in ("first_run_id", "first_at", "last_run_id", "last_at")),
        runs.c.reanalysis_of,
    )
    .join(
        finding_snapshots,
        (finding_snapshots.c.stream_id == findings.c.stream_id) & (finding_snapshots.c.seq == findings.c.valid_from),
    )
    .join(runs, runs.c.id == finding_snapshots.c.first_run_id, isouter=True)
    .where(findings.c.stream_id == sa.bindparam("of_line"), findings.c.valid_from > sa.bindparam("of_seq"))
)
_NO_LONGER_NEW = (
    sa.update(current_findings)
    .where(current_findings.c.cursor_id == sa.bindparam("of_head"), current_findings.c.state == "new")
    .values(state="open")
)
_MOVE = sa.update(finding_state_cursors).where(finding_state_cursors.c.id == sa.bindparam("of_head"))
_UPDATE = sa.update(current_findings).where(current_findings.c.id == sa.bindparam("of_row"))
