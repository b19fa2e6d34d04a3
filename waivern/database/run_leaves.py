"""What a closed run is proven by: a leaf for its own row, for each artifact, and for each attempt.

A column that may change after the run was closed must not stand here; `docs/audit.md` lists those.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waivern.database.stored_values import as_stored, in_bytes
from waivern.database.tables import (
    artifact_attempts,
    artifact_inputs,
    artifacts,
    finding_lines,
    finding_sets,
    run_attempts,
    runs,
)
from waivern.history.proof import MerkleTree, leaf_of

RUN_MAY_CHANGE = frozenset({"lease_until", "event_seq"})
ARTIFACT_MAY_CHANGE = frozenset({"pruned_at", "pruned_because"})

_OF_RUN = sa.bindparam("of_run", type_=sa.String)
_RUN = sa.select(*(as_stored(column) for column in runs.columns if column.name not in RUN_MAY_CHANGE)).where(
    runs.c.id == _OF_RUN
)
_FINDINGS = sa.type_coerce(finding_sets.c.rows_digest, sa.types.NullType()).label("findings")
_ARTIFACTS = (
    sa.select(
        *(as_stored(each) for each in artifacts.columns if each.name not in {"run_id", *ARTIFACT_MAY_CHANGE}), _FINDINGS
    )
    .select_from(artifacts)
    .join(runs, runs.c.id == artifacts.c.run_id)
    .outerjoin(
        finding_lines,
        (finding_lines.c.runbook_name == runs.c.runbook_name)
        & (finding_lines.c.artifact_id == artifacts.c.artifact_id),
    )
    .outerjoin(
        finding_sets,
        (finding_sets.c.line_id == finding_lines.c.id) & (finding_sets.c.seq == artifacts.c.finding_seq),
    )
    .where(artifacts.c.run_id == _OF_RUN)
    .order_by(artifacts.c.position, in_bytes(artifacts.c.artifact_id))
)
_INPUTS = (
    sa.select(artifact_inputs.c.artifact_id, artifact_inputs.c.position, artifact_inputs.c.input_id)
    .where(artifact_inputs.c.run_id == _OF_RUN)
    .order_by(artifact_inputs.c.position)
)
_RUN_ATTEMPTS = (
    sa.select(*(as_stored(column) for column in run_attempts.columns))
    .where(run_attempts.c.run_id == _OF_RUN)
    .order_by(run_attempts.c.epoch)
)
_ARTIFACT_ATTEMPTS = (
    sa.select(*(as_stored(column) for column in artifact_attempts.columns))
    .where(artifact_attempts.c.run_id == _OF_RUN)
    .order_by(artifact_attempts.c.ended_at, in_bytes(artifact_attempts.c.artifact_id), artifact_attempts.c.attempt)
)


@dataclass(frozen=True)
class RunProof:
    """The Merkle root over a run's leaves, and how many artifacts it has in which state."""

    root: str
    counts: dict[str, int]

    @classmethod
    def of(cls, connection: sa.Connection, run_id: str) -> "RunProof":
        """Compute it from what the database holds of the run now."""
        tree, counts = MerkleTree(), Counter[str]()
        for what, row in _rows(connection, run_id):
            tree.add(leaf_of(what, row))
            if what == "artifacts":
                counts[str(row["status"])] += 1
        return cls(tree.root, {"total": counts.total(), **dict(sorted(counts.items()))})


def _rows(connection: sa.Connection, run_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, row) in the order of the leaves: the run, its artifacts by position, the attempts at it and at them."""
    of_run = {"of_run": run_id}
    for row in connection.execute(_RUN, of_run):
        yield "runs", dict(row._mapping)
    inputs: dict[str, list[Any]] = {}
    for artifact_id, position, input_id in connection.execute(_INPUTS, of_run):
        inputs.setdefault(artifact_id, []).append([position, input_id])
    for row in connection.execute(_ARTIFACTS, of_run):
        yield "artifacts", {**row._mapping, "inputs": inputs.pop(row.artifact_id, None)}
    for row in connection.execute(_RUN_ATTEMPTS, of_run):
        yield "run_attempts", dict(row._mapping)
    for row in connection.execute(_ARTIFACT_ATTEMPTS, of_run):
        yield "artifact_attempts", dict(row._mapping)
