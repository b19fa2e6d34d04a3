"""The Merkle tree of a closed run: one leaf for its own row, for each of its artifacts, and for each attempt.

Columns that may change after a run is closed must not be part of a leaf; `docs/audit.md` lists them.
"""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from waivern.database.connection.stored_values import as_stored, collate_binary
from waivern.database.schema.artifact_view import artifact_view
from waivern.database.schema.tables import (
    artifact_attempts,
    finding_snapshots,
    finding_streams,
    run_attempts,
    runs,
)
from waivern.history.merkle import MerkleTree, leaf_hash

RUN_MAY_CHANGE = frozenset({"number", "lease_until", "event_seq", "restored"})
ARTIFACT_MAY_CHANGE = frozenset({"pruned_at", "pruned_because"})

_RUN_ID = sa.bindparam("wanted_run", type_=sa.String)
_RUN = sa.select(*(as_stored(column) for column in runs.columns if column.name not in RUN_MAY_CHANGE)).where(
    runs.c.id == _RUN_ID
)
_FINDINGS = sa.type_coerce(finding_snapshots.c.rows_digest, sa.types.NullType()).label("findings")
_ARTIFACTS = (
    sa.select(
        *(as_stored(column) for column in artifact_view.columns if column.name not in {"run_id", *ARTIFACT_MAY_CHANGE}),
        _FINDINGS,
    )
    .select_from(artifact_view)
    .join(runs, runs.c.id == artifact_view.c.run_id)
    .outerjoin(
        finding_streams,
        (finding_streams.c.runbook_name == runs.c.runbook_name)
        & (finding_streams.c.artifact_id == artifact_view.c.artifact_id),
    )
    .outerjoin(
        finding_snapshots,
        (finding_snapshots.c.stream_id == finding_streams.c.id)
        & (finding_snapshots.c.seq == artifact_view.c.snapshot_seq),
    )
    .where(artifact_view.c.run_id == _RUN_ID)
    .order_by(artifact_view.c.position, collate_binary(artifact_view.c.artifact_id))
)
_RUN_ATTEMPTS = (
    sa.select(*(as_stored(column) for column in run_attempts.columns))
    .where(run_attempts.c.run_id == _RUN_ID)
    .order_by(run_attempts.c.epoch)
)
_ARTIFACT_ATTEMPTS = (
    sa.select(*(as_stored(column) for column in artifact_attempts.columns))
    .where(artifact_attempts.c.run_id == _RUN_ID)
    .order_by(
        artifact_attempts.c.ended_at, collate_binary(artifact_attempts.c.artifact_id), artifact_attempts.c.attempt
    )
)

_PREFIX_BYTES = 3
_PREFIX_CHARACTERS = _PREFIX_BYTES * 4 // 3  # in base64


@dataclass(frozen=True)
class RunMerkle:
    """The Merkle root over the rows of a run.

    Args:
        root: The root as 64 hexadecimal digits.
        counts: The number of artifacts by status, and `total`.
        leaf_prefixes: The first three bytes of each leaf in base64, 4 characters each. They prove nothing that the root
            does not prove, but identify the altered row when the root differs.
    """

    root: str
    counts: dict[str, int]
    leaf_prefixes: str

    @classmethod
    def of(cls, connection: sa.Connection, run_id: str) -> "RunMerkle":
        """Compute the root from the run's rows as they are now."""
        tree, counts, prefixes = MerkleTree(), Counter[str](), bytearray()
        for table, row in _rows(connection, run_id):
            leaf = leaf_hash(table, row)
            tree.add(leaf)
            prefixes += leaf[:_PREFIX_BYTES]
            if table == "artifacts":
                counts[str(row["status"])] += 1
        with_total = {"total": counts.total(), **dict(sorted(counts.items()))}
        return cls(tree.root, with_total, base64.b64encode(prefixes).decode())


@dataclass(frozen=True)
class MismatchedRows:
    """The rows of a run that have changed, each with its table, and the number of rows that are missing."""

    rows: Sequence[tuple[str, Mapping[str, Any]]]
    missing: int


def mismatched_rows(connection: sa.Connection, run_id: str, leaf_prefixes: str) -> MismatchedRows:
    """Compare the rows of a run with the leaf prefixes that were recorded when it was closed."""
    starts = range(0, len(leaf_prefixes), _PREFIX_CHARACTERS)
    unmatched = Counter(leaf_prefixes[start : start + _PREFIX_CHARACTERS] for start in starts)
    number, changed = 0, []
    for table, row in _rows(connection, run_id):
        number += 1
        prefix = base64.b64encode(leaf_hash(table, row)[:_PREFIX_BYTES]).decode()
        if unmatched[prefix] > 0:
            unmatched[prefix] -= 1
        else:
            changed.append((table, row))
    return MismatchedRows(changed, max(len(starts) - number, 0))


def _rows(connection: sa.Connection, run_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, row) in the order of leaves: the run, artifacts by position, attempts at the run, at its artifacts."""
    wanted = {"wanted_run": run_id}
    for row in _as_dicts(connection.execute(_RUN, wanted)):
        yield "runs", row
    for row in _as_dicts(connection.execute(_ARTIFACTS, wanted)):
        yield "artifacts", {**row, "inputs": _numbered(row["inputs"])}
    for row in _as_dicts(connection.execute(_RUN_ATTEMPTS, wanted)):
        yield "run_attempts", row
    for row in _as_dicts(connection.execute(_ARTIFACT_ATTEMPTS, wanted)):
        yield "artifact_attempts", row


def _as_dicts(rows: "sa.CursorResult[Any]") -> Iterator[dict[str, Any]]:
    names = tuple(rows.keys())
    for row in rows:
        yield dict(zip(names, row, strict=True))  # row._mapping would cost more than hashing the leaf


def _numbered(inputs: Any) -> Any:
    """The inputs with their positions; a value that is not a JSON list, as after tampering, is hashed as it is."""
    with suppress(msgspec.DecodeError, AttributeError, UnicodeEncodeError):
        return [list(item) for item in enumerate(msgspec.json.decode(inputs.encode(), type=list[str]))]
    return inputs
