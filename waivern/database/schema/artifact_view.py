"""An artifact of a run as a whole: what is the same in many runs is kept once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.schema.interned_rows import columns_of, ids_of
from waivern.database.schema.tables import artifact_declarations, artifacts, overviews, runs

DECLARED = columns_of(artifact_declarations)
_NAMES = ("run_number", "declaration_id", "overview_id")
_OF_ONE_RUN = tuple(str(each.name) for each in artifacts.columns if each.name not in _NAMES)
_AT_ONCE = 500

AS_DECLARED = artifacts.c.declaration_id == artifact_declarations.c.id

whole_artifacts = (
    sa.select(
        runs.c.id.label("run_id"),
        *(artifacts.c[name] for name in _OF_ONE_RUN),
        *(artifact_declarations.c[name] for name in DECLARED),
        overviews.c.overview,
    )
    .select_from(artifacts)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .join(artifact_declarations, AS_DECLARED, isouter=True)  # so that one that damage left without is told by its name
    .join(overviews, overviews.c.id == artifacts.c.overview_id, isouter=True)
    .subquery("artifacts")
)
"""What artifacts are read from, run by run."""


def number_of(run_id: Any) -> "sa.ScalarSelect[int]":
    """The number of the run of an id, which may be a value or a parameter."""
    return sa.select(runs.c.number).where(runs.c.id == run_id).scalar_subquery()


def insert_artifacts(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows with columns of `whole_artifacts`, all of them with the same ones; their runs are there already."""
    for some in batched(rows, _AT_ONCE):
        numbers = _numbers_of(connection, {row["run_id"] for row in some})
        declaration_ids = declare(connection, some)
        overview_ids = overview_ids_of(connection, [row.get("overview") for row in some])
        of_runs = [
            {
                "run_number": numbers[row["run_id"]],
                "declaration_id": declaration_id,
                "overview_id": overview_id,
                **{name: row[name] for name in _OF_ONE_RUN if name in row},
            }
            for row, declaration_id, overview_id in zip(some, declaration_ids, overview_ids, strict=True)
        ]
        connection.execute(sa.insert(artifacts), of_runs)


def declare(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the id of what each row declares; of further columns nothing is taken."""
    without_empty = [{**row, **{name: row.get(name) or None for name in ("aliases", "inputs")}} for row in rows]
    return ids_of(connection, artifact_declarations, without_empty)


def overview_ids_of(connection: sa.Connection, said: Sequence[Mapping[str, Any] | None]) -> list[int | None]:
    """Return the ids of overviews, None where there is none."""
    ids = iter(ids_of(connection, overviews, [{"overview": each} for each in said if each is not None]))
    return [None if each is None else next(ids) for each in said]


def redeclare(connection: sa.Connection, run_number: int, artifact_id: str, **said: Any) -> None:
    """Let an artifact of a run be declared otherwise, in the columns of `said`."""
    its_row = (artifacts.c.run_number == run_number, artifacts.c.artifact_id == artifact_id)
    columns = (artifact_declarations.c[name] for name in DECLARED)
    before = connection.execute(sa.select(*columns).where(*its_row, AS_DECLARED)).one()
    (declaration_id,) = declare(connection, [{**before._mapping, **said}])
    connection.execute(sa.update(artifacts).where(*its_row), {"declaration_id": declaration_id})


def _numbers_of(connection: sa.Connection, run_ids: Iterable[str]) -> dict[str, int]:
    wanted = sa.select(runs.c.id, runs.c.number).where(runs.c.id.in_(run_ids))
    return {row.id: row.number for row in connection.execute(wanted)}
