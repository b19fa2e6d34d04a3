"""What a closed run is proven by: a leaf for its own row, for each artifact, and for each attempt.

A column that may change after the run was closed must not stand here; `docs/audit.md` lists those.
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
from waivern.history.proof import MerkleTree, leaf_of

RUN_MAY_CHANGE = frozenset({"number", "lease_until", "event_seq"})
ARTIFACT_MAY_CHANGE = frozenset({"pruned_at", "pruned_because"})

_OF_RUN = sa.bindparam("of_run", type_=sa.String)
_RUN = sa.select(*(as_stored(column) for column in runs.columns if column.name not in RUN_MAY_CHANGE)).where(
    runs.c.id == _OF_RUN
)
_FINDINGS = sa.type_coerce(finding_snapshots.c.rows_digest, sa.types.NullType()).label("findings")
_ARTIFACTS = (
    sa.select(
        *(as_stored(each) for each in artifact_view.columns if each.name not in {"run_id", *ARTIFACT_MAY_CHANGE}),
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
    .where(artifact_view.c.run_id == _OF_RUN)
    .order_by(artifact_view.c.position, collate_binary(artifact_view.c.artifact_id))
)
_RUN_ATTEMPTS = (
    sa.select(*(as_stored(column) for column in run_attempts.columns))
    .where(run_attempts.c.run_id == _OF_RUN)
    .order_by(run_attempts.c.epoch)
)
_ARTIFACT_ATTEMPTS = (
    sa.select(*(as_stored(column) for column in artifact_attempts.columns))
    .where(artifact_attempts.c.run_id == _OF_RUN)
    .order_by(
        artifact_attempts.c.ended_at, collate_binary(artifact_attempts.c.artifact_id), artifact_attempts.c.attempt
    )
)


_BEGINNING = 3  # bytes of a leaf by which it is told from others: that names a row, and proves nothing


@dataclass(frozen=True)
class RunProof:
    """The Merkle root over a run's leaves, the beginning of each, and how many artifacts are in which state.

    `leaves` are 4 characters of base64 each, by which a row that was altered can be named.
    """

    root: str
    counts: dict[str, int]
    leaves: str

    @classmethod
    def of(cls, connection: sa.Connection, run_id: str) -> "RunProof":
        """Compute it from what the database holds of the run now."""
        tree, counts, beginnings = MerkleTree(), Counter[str](), bytearray()
        for what, row in _rows(connection, run_id):
            leaf = leaf_of(what, row)
            tree.add(leaf)
            beginnings += leaf[:_BEGINNING]
            if what == "artifacts":
                counts[str(row["status"])] += 1
        counted = {"total": counts.total(), **dict(sorted(counts.items()))}
        return cls(tree.root, counted, base64.b64encode(beginnings).decode())


@dataclass(frozen=True)
class Misfits:
    """The rows of a run that are not as they were, each with its table, and how many are not there at all."""

    rows: Sequence[tuple[str, Mapping[str, Any]]]
    missing: int


def misfits_of(connection: sa.Connection, run_id: str, told: str) -> Misfits:
    """Hold the rows of a run against what was told of them: `RunProof.leaves` as it was then."""
    size = _BEGINNING * 4 // 3
    left = Counter(told[at : at + size] for at in range(0, len(told), size))
    number, misfits = 0, []
    for what, row in _rows(connection, run_id):
        number += 1
        beginning = base64.b64encode(leaf_of(what, row)[:_BEGINNING]).decode()
        if left[beginning] > 0:
            left[beginning] -= 1
        else:
            misfits.append((what, row))
    return Misfits(misfits, max(len(told) // size - number, 0))


def _rows(connection: sa.Connection, run_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, row) in the order of the leaves: the run, its artifacts by position, the attempts at it and at them."""
    of_run = {"of_run": run_id}
    for row in _named(connection.execute(_RUN, of_run)):
        yield "runs", row
    for row in _named(connection.execute(_ARTIFACTS, of_run)):
        yield "artifacts", {**row, "inputs": _numbered(row["inputs"])}
    for row in _named(connection.execute(_RUN_ATTEMPTS, of_run)):
        yield "run_attempts", row
    for row in _named(connection.execute(_ARTIFACT_ATTEMPTS, of_run)):
        yield "artifact_attempts", row


def _named(rows: "sa.CursorResult[Any]") -> Iterator[dict[str, Any]]:
    """The rows by the names of their columns; a row's own mapping takes longer than all the rest of a leaf."""
    names = tuple(rows.keys())
    for row in rows:
        yield dict(zip(names, row, strict=True))


def _numbered(inputs: Any) -> Any:
    """The inputs with their places; what damage made no list is hashed as it is."""
    with suppress(msgspec.DecodeError, AttributeError, UnicodeEncodeError):
        return [list(each) for each in enumerate(msgspec.json.decode(inputs.encode(), type=list[str]))]
    return inputs
