"""Write the rows of a large snapshot in several short transactions, before the one that makes them visible.

The rows of the next snapshot begin after the newest one, and those that it ends still belong to the newest one. So no
reader sees either before the snapshot itself is stored, in the transaction that also stores the message. Until then
`finding_streams.staged_by` says who writes them. If that run ends before, the next one removes what it has written.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched, leaving_time_for_others
from waivern.database.findings.finding_rows import (
    SnapshotChanges,
    StreamBusyError,
    StreamChangedError,
    end_rows,
    insert_rows,
    lock_stream,
)
from waivern.database.schema.tables import finding_streams, findings

Transaction = Callable[[sa.Connection], None]

_BATCH_SIZE = 1_000
_BUSY_PAUSE_S = 0.2


class SnapshotStaging:
    """Writes the rows of snapshots of one run.

    Args:
        engine: The database, for reading.
        run_id: The run.
        owner: Identifies the run and its epoch in `finding_streams.staged_by`.
        submit: Executes a transaction of the run and returns when it is committed.
        is_alive: Returns whether another owner may still be writing.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        run_id: str,
        owner: str,
        submit: Callable[[Transaction], None],
        is_alive: Callable[[sa.Connection, str], bool],
    ) -> None:
        self._engine = engine
        self._run_id = run_id
        self._owner = owner
        self._submit = submit
        self._is_alive = is_alive

    def write(self, artifact_id: str, changes: SnapshotChanges) -> None:
        """Write the rows of a snapshot; wait while another run writes a snapshot of the same stream.

        Raises:
            StreamChangedError: another run has added a snapshot; what was written is removed by the next attempt.
        """
        stream_id = self._claim(artifact_id, changes)
        seq = changes.base_seq + 1
        for removed in batched(changes.removed, _BATCH_SIZE):
            self._write(stream_id, partial(end_rows, stream_id=stream_id, seq=seq - 1, fingerprints=removed))
        for added in batched(changes.added, _BATCH_SIZE):
            self._write(stream_id, partial(insert_rows, stream_id=stream_id, seq=seq, added=added))

    def _claim(self, artifact_id: str, changes: SnapshotChanges) -> int:
        claimed: list[tuple[int, bool]] = []

        def claim(connection: sa.Connection) -> None:
            stream = lock_stream(connection, self._run_id, artifact_id)
            if stream.staged_by not in (None, self._owner) and self._is_alive(connection, stream.staged_by or ""):
                raise StreamBusyError
            if stream.last_seq != changes.base_seq:
                raise StreamChangedError
            connection.execute(_UPDATE_STREAM, {"of_stream": stream.id, "staged_by": self._owner})
            claimed.append((stream.id, stream.staged_by is not None))

        while True:
            try:
                self._submit(claim)
            except StreamBusyError:
                time.sleep(_BUSY_PAUSE_S)
            else:
                stream_id, has_leftovers = claimed[-1]
                if has_leftovers:
                    self._remove_leftovers(stream_id, changes.base_seq)
                return stream_id

    def _remove_leftovers(self, stream_id: int, base_seq: int) -> None:
        of_stream = {"of_stream": stream_id, "newest": base_seq}
        with self._engine.connect() as connection:
            begun = [_key(row) for row in connection.execute(_BEGUN, of_stream)]
            ended = [_key(row) for row in connection.execute(_ENDED, of_stream)]
        for statement, keys in ((_DELETE, begun), (_REOPEN, ended)):
            for batch in batched(keys, _BATCH_SIZE):
                self._write(stream_id, partial(_execute, statement=statement, rows=batch))

    def _write(self, stream_id: int, transaction: Transaction) -> None:
        def write(connection: sa.Connection) -> None:
            if connection.scalar(_STAGED_BY, {"of_stream": stream_id}) != self._owner:
                raise StreamChangedError
            transaction(connection)

        with leaving_time_for_others(self._engine):
            self._submit(write)


def _key(row: Any) -> dict[str, Any]:
    return {"of_stream": row.stream_id, "of_fingerprint": row.fingerprint, "of_seq": row.valid_from}


def _execute(connection: sa.Connection, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(statement, rows)


_OF_STREAM = findings.c.stream_id == sa.bindparam("of_stream")
_KEY = (
    _OF_STREAM,
    findings.c.fingerprint == sa.bindparam("of_fingerprint"),
    findings.c.valid_from == sa.bindparam("of_seq"),
)
_COLUMNS = (findings.c.stream_id, findings.c.fingerprint, findings.c.valid_from)
_BEGUN = sa.select(*_COLUMNS).where(_OF_STREAM, findings.c.valid_from > sa.bindparam("newest"))
_ENDED = sa.select(*_COLUMNS).where(
    _OF_STREAM, findings.c.valid_from <= sa.bindparam("newest"), findings.c.valid_to >= sa.bindparam("newest")
)
_DELETE = sa.delete(findings).where(*_KEY)
_REOPEN = sa.update(findings).where(*_KEY).values(valid_to=None)
_IS_STREAM = finding_streams.c.id == sa.bindparam("of_stream")
_UPDATE_STREAM = sa.update(finding_streams).where(_IS_STREAM)
_STAGED_BY = sa.select(finding_streams.c.staged_by).where(_IS_STREAM)
