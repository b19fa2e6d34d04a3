"""Artifacts of runs together with their declarations and overviews, which many runs share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.schema.interned_rows import content_columns, intern_rows
from waivern.database.schema.tables import artifact_declarations, artifacts, overviews, runs

_BATCH_SIZE = 500
_DECLARED_COLUMNS = content_columns(artifact_declarations)
_REFERENCES = ("run_number", "declaration_id", "overview_id")
_ARTIFACT_COLUMNS = tuple(str(column.name) for column in artifacts.columns if column.name not in _REFERENCES)

DECLARATION_JOIN = artifacts.c.declaration_id == artifact_declarations.c.id

artifact_view = (
    sa.select(
        runs.c.id.label("run_id"),
        *(artifacts.c[name] for name in _ARTIFACT_COLUMNS),
        *(artifact_declarations.c[name] for name in _DECLARED_COLUMNS),
        overviews.c.overview,
    )
    .select_from(artifacts)
    .join(runs, runs.c.number == artifacts.c.run_number)
    # an outer join, so that `verify` can name an artifact whose declaration is missing
    .join(artifact_declarations, DECLARATION_JOIN, isouter=True)
    .join(overviews, overviews.c.id == artifacts.c.overview_id, isouter=True)
    .subquery("artifacts")
)
"""What artifacts are read from: one row per artifact and run."""


def run_number_of(run_id: Any) -> "sa.ScalarSelect[int]":
    """Return a subquery for the number of a run, given its id as a value or a parameter."""
    return sa.select(runs.c.number).where(runs.c.id == run_id).scalar_subquery()


def insert_artifacts(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows with columns of `artifact_view`, the same columns in each row; their runs must exist."""
    for batch in batched(rows, _BATCH_SIZE):
        run_numbers = _run_numbers(connection, {row["run_id"] for row in batch})
        declaration_ids = intern_declarations(connection, batch)
        overview_ids = intern_overviews(connection, [row.get("overview") for row in batch])
        values = [
            {
                "run_number": run_numbers[row["run_id"]],
                "declaration_id": declaration_id,
                "overview_id": overview_id,
                **{name: row[name] for name in _ARTIFACT_COLUMNS if name in row},
            }
            for row, declaration_id, overview_id in zip(batch, declaration_ids, overview_ids, strict=True)
        ]
        connection.execute(sa.insert(artifacts), values)


def intern_declarations(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the ids of the declarations in rows of `artifact_view`; their other columns are ignored."""
    without_empty = [{**row, **{name: row.get(name) or None for name in ("aliases", "inputs")}} for row in rows]
    return intern_rows(connection, artifact_declarations, without_empty)


def intern_overviews(connection: sa.Connection, values: Sequence[Mapping[str, Any] | None]) -> list[int | None]:
    """Return the ids of overviews; None for None."""
    rows = [{"overview": overview} for overview in values if overview is not None]
    ids = iter(intern_rows(connection, overviews, rows))
    return [None if overview is None else next(ids) for overview in values]


def change_declaration(connection: sa.Connection, run_number: int, artifact_id: str, **changes: Any) -> None:
    """Change columns of an artifact's declaration in one run; other runs keep the declaration they share."""
    is_artifact = (artifacts.c.run_number == run_number, artifacts.c.artifact_id == artifact_id)
    columns = (artifact_declarations.c[name] for name in _DECLARED_COLUMNS)
    before = connection.execute(sa.select(*columns).where(*is_artifact, DECLARATION_JOIN)).one()
    (declaration_id,) = intern_declarations(connection, [{**before._mapping, **changes}])
    connection.execute(sa.update(artifacts).where(*is_artifact), {"declaration_id": declaration_id})


def _run_numbers(connection: sa.Connection, run_ids: Iterable[str]) -> dict[str, int]:
    query = sa.select(runs.c.id, runs.c.number).where(runs.c.id.in_(run_ids))
    return {row.id: row.number for row in connection.execute(query)}
