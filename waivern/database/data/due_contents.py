"""Find the content that is due to be pruned: only runs that ended long enough ago are read, never all artifacts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.current.refresh import newest_complete
from waivern.database.retention.retention_rules import HAS_CONTENT, RETAIN_NONE, RETAIN_UNTIL_SUCCESS
from waivern.database.schema.artifact_view import DECLARATION_JOIN
from waivern.database.schema.tables import artifact_declarations, artifacts, runs
from waivern.history.retention import PrunedArtifact, PruneRequest
from waivern.runs.run import UNFINISHED, RunStatus

_ABANDONED_AFTER = timedelta(days=1)
"""How long after its lease a manual run counts as ended: until then it may be resumed."""

_FROM_RUNS = artifacts.join(runs, runs.c.number == artifacts.c.run_number).join(artifact_declarations, DECLARATION_JOIN)
_CONTENTS = (
    sa.select(
        *(artifacts.c[name] for name in ("artifact_id", "digest")),
        *(artifact_declarations.c[name] for name in ("retain", "position")),
        *(runs.c[name] for name in ("number", "runbook_name", "created_at", "ended_at", "lease_until", "status")),
        runs.c.id.label("run_id"),
    )
    .select_from(_FROM_RUNS)
    .where(*HAS_CONTENT)
)
_RUNS = sa.select(runs.c.number)
_ENDED_AT = runs.c.ended_at
_RETAINED = _CONTENTS.where(artifact_declarations.c.retain.is_not(None))
_DECLARED = sa.select(artifact_declarations.c.retain).where(artifact_declarations.c.retain.is_not(None)).distinct()
_UNTIL_END = {RETAIN_NONE, RETAIN_UNTIL_SUCCESS}
_IS_RUNNING = runs.c.status == RunStatus.RUNNING.value
_UNSUCCESSFUL = [status.value for status in RunStatus if status not in (*UNFINISHED, RunStatus.SUCCEEDED)]


def find_due(engine: sa.Engine, request: PruneRequest) -> Sequence[PrunedArtifact]:
    """Return the artifacts whose content is due, by run and in the order of the plan."""
    with engine.connect() as connection:
        rule = _ExpiryRule(connection, database_now(connection), request.older_than)
        due: dict[tuple[str, str], tuple[int, PrunedArtifact]] = {}
        for contents, ended_runs in _candidates(connection, rule):
            if request.runbook is not None:
                ended_runs = ended_runs.where(runs.c.runbook_name == request.runbook)
            for row in _contents_of(connection, contents, ended_runs):
                reason = rule.reason(row)
                if reason is not None:
                    artifact = PrunedArtifact(row.run_id, row.runbook_name, row.artifact_id, row.digest, reason)
                    due[row.run_id, row.artifact_id] = (row.position, artifact)
    in_order = sorted(due.values(), key=lambda entry: (entry[1].run_id, entry[0]))
    return [artifact for _, artifact in in_order]


def _candidates(connection: sa.Connection, rule: "_ExpiryRule") -> Iterator[tuple[sa.Select[Any], sa.Select[Any]]]:
    """Yield queries for contents, each with the runs whose contents may be due, which an index of runs answers."""
    yield (_CONTENTS if rule.older_than is not None else _RETAINED), _RUNS.where(_IS_RUNNING)
    declared = set(connection.scalars(_DECLARED))
    for period in sorted(declared - _UNTIL_END):
        ended_before = _before(rule.now, timedelta(seconds=float(period)))
        if ended_before is not None:
            yield _RETAINED.where(artifact_declarations.c.retain == period), _RUNS.where(ended_before >= _ENDED_AT)
    if declared & _UNTIL_END:
        # A successful run has pruned these when it was closed, unless it was closed in another database.
        until_end = _RETAINED.where(artifact_declarations.c.retain.in_(sorted(_UNTIL_END)))
        yield until_end, _RUNS.where(runs.c.status.in_(_UNSUCCESSFUL))
        yield until_end, _RUNS.where(runs.c.restored.is_not(None))
    if rule.older_than is not None:
        ended_before = _before(rule.now, rule.older_than)
        if ended_before is not None:
            yield _CONTENTS, _RUNS.where(ended_before >= _ENDED_AT)


def _contents_of(
    connection: sa.Connection, contents: sa.Select[Any], ended_runs: sa.Select[Any]
) -> Iterator[sa.Row[Any]]:
    """Yield the contents of runs. The runs are read first: a planner may prefer to read the artifacts of all runs."""
    for numbers in batched(connection.scalars(ended_runs).all()):
        yield from connection.execute(contents.where(artifacts.c.run_number.in_(numbers)))


def _before(now: datetime, age: timedelta) -> datetime | None:
    """Return the instant that is so long ago; None if no calendar reaches back to it."""
    try:
        return now - age
    except OverflowError:
        return None


@dataclass(frozen=True)
class _ExpiryRule:
    """Decides whether an artifact's content is due to be pruned.

    Args:
        connection: Reads the last successful run of a runbook.
        now: The database's time.
        older_than: The age limit of the request.
    """

    connection: sa.Connection
    now: datetime
    older_than: timedelta | None
    _successes: dict[str, datetime | None] = field(default_factory=dict)

    def reason(self, row: Any) -> str | None:
        """Return why the content of a row of `_CONTENTS` is due; None if it is not."""
        ended_at = self._ended_at(row)
        if ended_at is None:
            return None
        if row.retain is not None and self._is_expired(row, ended_at):
            return f"retain: {_retain_as_text(row.retain)}"
        if self.older_than is not None and ended_at <= self.now - self.older_than:
            return f"pruned by hand: older than {_duration_as_text(self.older_than.total_seconds())}"
        return None

    def _is_expired(self, row: Any, ended_at: datetime) -> bool:
        if row.retain == RETAIN_NONE:
            return True
        if row.retain == RETAIN_UNTIL_SUCCESS:
            success = self._last_success(row.runbook_name)
            return success is not None and bool(success >= row.created_at)
        return self.now >= ended_at + timedelta(seconds=float(row.retain))

    def _ended_at(self, row: Any) -> datetime | None:
        if row.status != RunStatus.RUNNING.value:
            ended: datetime | None = row.ended_at
            return ended
        abandoned_at: datetime = row.lease_until + _ABANDONED_AFTER
        return abandoned_at if abandoned_at <= self.now else None

    def _last_success(self, runbook: str) -> datetime | None:
        """Return when the newest complete run of a runbook was created."""
        if runbook not in self._successes:
            created_at = newest_complete(runbook).with_only_columns(runs.c.created_at)
            self._successes[runbook] = self.connection.scalar(created_at)
        return self._successes[runbook]


def _retain_as_text(retain: str) -> str:
    return retain if retain in (RETAIN_NONE, RETAIN_UNTIL_SUCCESS) else _duration_as_text(float(retain))


def _duration_as_text(duration_s: float) -> str:
    """Return a duration as runbooks write it: "30d", "90s"."""
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60)):
        if duration_s and duration_s % seconds == 0:
            return f"{duration_s / seconds:.0f}{unit}"
    return f"{duration_s:g}s"
