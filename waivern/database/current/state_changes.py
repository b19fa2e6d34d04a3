"""Compute how the current findings of a runbook change when a newer run decides their state.

Only reads: the result is written by `refresh`, in a transaction that is kept short.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.current.decision_rows import active_decisions
from waivern.database.current.verdicts import RowUpdate, changed_verdicts, rows_with_verdicts, verdict_values
from waivern.database.findings.finding_queries import coverage_gaps_of_artifact, findings_of_run
from waivern.database.schema.tables import current_findings, finding_snapshots, findings, runs
from waivern.history.comparison import coverage_gap_at
from waivern.history.coverage_gaps import CoverageGaps
from waivern.history.decisions import ActiveDecisions
from waivern.history.finding import Finding, unique_findings
from waivern.severity import severity_rank

_FINGERPRINTS_PER_QUERY = 500
_ABSENT = ("fixed", "unknown")
_FINDING_COLUMNS = tuple(name for name in Finding.__struct_fields__ if name != "fingerprint")


@dataclass(frozen=True)
class Stream:
    """A finding stream, and the sequence number of its newest snapshot."""

    id: int
    last_seq: int


@dataclass(frozen=True)
class RefreshInput:
    """What the current findings of a runbook are computed from.

    Args:
        runbook: The runbook's name.
        run_id: The run that decides the state of the findings: the newest complete one, if there is one.
        run_at: When it started.
        held: {artifact id: number of the snapshot that the run holds}.
        streams: {artifact id: stream} of the runbook.
        cursor_id: The runbook's state cursor; None before the first refresh.
        cursor_run_id: The run that decided the state so far; None before the first refresh.
        cursor_run_at: When it started.
        cursor_snapshots: {artifact id: [snapshot that this run held, newest snapshot of the stream then]}.
        decision_seq: The newest decision.
        today: The day, in UTC, for which decisions are applied.
    """

    runbook: str
    run_id: str
    run_at: datetime
    held: Mapping[str, int]
    streams: Mapping[str, Stream]
    cursor_id: int | None
    cursor_run_id: str | None
    cursor_run_at: datetime | None
    cursor_snapshots: Mapping[str, list[int | None]]
    decision_seq: int
    today: date

    @property
    def snapshots(self) -> dict[str, list[int | None]]:
        """What the cursor holds after the refresh."""
        return {name: [self.held.get(name), stream.last_seq] for name, stream in self.streams.items()}

    @property
    def is_different_run(self) -> bool:
        return self.run_id != self.cursor_run_id

    def is_same_as(self, other: "RefreshInput") -> bool:
        """Whether both lead to the same changes; the id does not count, as a first refresh creates the cursor."""
        return replace(self, cursor_id=None) == replace(other, cursor_id=None)

    @property
    def is_up_to_date(self) -> bool:
        """Whether the deciding run is the cursor's and holds the same: other runs, and reanalyses, decide nothing."""
        cursor_held = {name: held for name, (held, _) in self.cursor_snapshots.items() if held is not None}
        return not self.is_different_run and self.held == cursor_held


@dataclass(frozen=True)
class StateChanges:
    """What a refresh writes to `current_findings`; new rows have no `cursor_id` yet.

    `generation_id` is the cursor under which everything has been written already, if the changes are many.
    """

    computed_from: RefreshInput
    updates: list[RowUpdate] = field(default_factory=list)
    new_rows: list[dict[str, Any]] = field(default_factory=list)
    generation_id: int | None = None


def compute_changes(connection: sa.Connection, given: RefreshInput, *, all_verdicts: bool = False) -> StateChanges:
    """Return how the current findings of a runbook change.

    If no finding changes, only expired verdicts are determined again, or with `all_verdicts` all of them.
    """
    decisions = active_decisions(connection, given.runbook, today=given.today)
    has_changes = given.snapshots != given.cursor_snapshots or _has_later_reanalysis(connection, given)
    if not given.is_up_to_date and has_changes:
        return _Computation(connection, given, decisions).changes()
    if given.cursor_id is None:
        return StateChanges(given)
    expired_on = None if all_verdicts else given.today
    rows = rows_with_verdicts(connection, given.cursor_id, expired_on=expired_on)
    return StateChanges(given, list(changed_verdicts(rows, decisions)))


def _has_later_reanalysis(connection: sa.Connection, given: RefreshInput) -> bool:
    """Return whether a reanalysis that ended after the cursor's run had started left unknown findings."""
    if given.cursor_id is None or given.cursor_run_at is None:
        return False
    later = (current_findings.c.state == "unknown", current_findings.c.since > given.cursor_run_at)
    query = sa.select(current_findings.c.id).where(current_findings.c.cursor_id == given.cursor_id, *later).limit(1)
    return connection.execute(query).first() is not None


@dataclass
class _Computation:
    connection: sa.Connection
    given: RefreshInput
    decisions: ActiveDecisions

    def changes(self) -> StateChanges:
        updates: dict[int, dict[str, Any]] = {}
        for row_id, values in (*self._disappeared(), *self._found_again(), *self._verdicts()):
            updates.setdefault(row_id, {}).update(values)
        new_rows = [*self._appeared(), *self._seen_in_between()]
        return StateChanges(self.given, list(updates.items()), new_rows)

    @cached_property
    def found(self) -> dict[str, Finding]:
        """The findings of the run that decides, by fingerprint."""
        return unique_findings(finding for _, finding in findings_of_run(self.connection, self.given.run_id))

    @cached_property
    def known(self) -> dict[str, Any]:
        """The rows of the current findings, by fingerprint."""
        if self.given.cursor_id is None:
            return {}
        rows = sa.select(current_findings).where(current_findings.c.cursor_id == self.given.cursor_id)
        return {row.fingerprint: row for row in self.connection.execute(rows)}

    @cached_property
    def added(self) -> dict[str, tuple[Any, Any]]:
        """The first and the last row of each finding that was added to the streams since the last refresh."""
        added: dict[str, tuple[Any, Any]] = {}
        for artifact_id, stream in self.given.streams.items():
            refreshed_seq = self.given.cursor_snapshots.get(artifact_id, [None, 0])[1]
            for row in self.connection.execute(_ADDED, {"of_stream": stream.id, "after_seq": refreshed_seq}):
                first, last = added.get(row.fingerprint, (row, row))
                added[row.fingerprint] = (min(first, row, key=_first_at), max(last, row, key=_first_at))
        return added

    @cached_property
    def absent(self) -> dict[str, str]:
        """The state, fixed or unknown, of each finding that the run does not hold."""
        known = [name for name, row in self.known.items() if row.state != "fixed" and name not in self.found]
        between = [name for name in self.added if name not in self.found and name not in self.known]
        locations = {name: self.known[name].location for name in known}
        locations |= {name: self.added[name][1].location for name in between}
        artifacts = self._artifacts_that_held(locations)
        return {name: self._absent_state(location, artifacts[name]) for name, location in locations.items()}

    def _absent_state(self, location: str, artifacts: Iterable[str]) -> str:
        gap = coverage_gap_at(location, artifacts, self.given.held, self._coverage_gaps)
        return "fixed" if gap is None else "unknown"

    def _artifacts_that_held(self, fingerprints: Collection[str]) -> dict[str, list[str]]:
        artifact_ids = {stream.id: artifact_id for artifact_id, stream in self.given.streams.items()}
        artifacts: dict[str, list[str]] = {name: [] for name in fingerprints}
        for batch in batched(sorted(fingerprints), _FINGERPRINTS_PER_QUERY):
            held_by = (
                sa.select(findings.c.fingerprint, findings.c.stream_id)
                .where(findings.c.fingerprint.in_(batch), findings.c.stream_id.in_(list(artifact_ids)))
                .distinct()
            )
            for fingerprint, stream_id in self.connection.execute(held_by):
                artifacts[fingerprint].append(artifact_ids[stream_id])
        return artifacts

    def _coverage_gaps(self, artifact_id: str) -> CoverageGaps:
        if artifact_id not in self._cached_gaps:
            gaps = coverage_gaps_of_artifact(self.connection, self.given.run_id, artifact_id)
            self._cached_gaps[artifact_id] = gaps
        return self._cached_gaps[artifact_id]

    @cached_property
    def _cached_gaps(self) -> dict[str, CoverageGaps]:
        return {}

    def _disappeared(self) -> Iterator[RowUpdate]:
        for name, state in self.absent.items():
            row = self.known.get(name)
            if row is not None and row.state != state:
                last_seen = {"last_run_id": self.given.cursor_run_id, "last_at": self.given.cursor_run_at}
                yield (
                    row.id,
                    {
                        "state": state,
                        "since": self.given.run_at,
                        **({} if row.state in _ABSENT else last_seen),
                    },
                )

    def _found_again(self) -> Iterator[RowUpdate]:
        for name, finding in self.found.items():
            row = self.known.get(name)
            if row is None:
                continue
            values = {} if _is_unchanged(finding, row) else _finding_values(finding)
            if row.state in _ABSENT:
                values |= {"state": "open", "since": self.given.run_at, "last_run_id": None, "last_at": None}
            if values:
                yield row.id, values

    def _verdicts(self) -> Iterator[RowUpdate]:
        return changed_verdicts(self.known.values(), self.decisions)

    def _appeared(self) -> Iterator[dict[str, Any]]:
        for name, finding in self.found.items():
            if name in self.known:
                continue
            first = self.added[name][0]
            is_new = self.given.cursor_run_id is not None or first.first_run_id == self.given.run_id
            yield {
                **self._new_row(finding, first),
                "state": "new" if is_new else "open",
                "since": self.given.run_at if is_new else first.first_at,
                "last_run_id": None,
                "last_at": None,
            }

    def _seen_in_between(self) -> Iterator[dict[str, Any]]:
        """Yield what only other runs found since the last refresh: incomplete runs and reanalyses."""
        for name, state in self.absent.items():
            if name in self.known:
                continue
            first, last = self.added[name]
            by_newer_rules = last.reanalysis_of is not None and last.last_at >= self.given.run_at
            finding = Finding(name, **{column: getattr(last, column) for column in _FINDING_COLUMNS})
            yield {
                **self._new_row(finding, first),
                "state": "unknown" if by_newer_rules else state,
                "since": last.last_at,
                "last_run_id": last.last_run_id,
                "last_at": last.last_at,
            }

    def _new_row(self, finding: Finding, first: Any) -> dict[str, Any]:
        return {
            "fingerprint": finding.fingerprint,
            **_finding_values(finding),
            **verdict_values(finding, self.decisions),
            "first_run_id": first.first_run_id,
            "first_at": first.first_at,
        }


def _finding_values(finding: Finding) -> dict[str, Any]:
    return {
        "severity_rank": severity_rank(finding.severity),
        **{name: getattr(finding, name) for name in _FINDING_COLUMNS},
    }


def _is_unchanged(finding: Finding, row: Any) -> bool:
    return all(getattr(finding, name) == getattr(row, name) for name in _FINDING_COLUMNS)


def _first_at(row: Any) -> datetime:
    first_at: datetime = row.first_at
    return first_at


_ADDED = (
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
    .where(findings.c.stream_id == sa.bindparam("of_stream"), findings.c.valid_from > sa.bindparam("after_seq"))
)
