"""An artifact of a run as a whole: what the run's plan declares of it, which is kept once, and what became of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from waivern.database.batches import in_batches
from waivern.database.column_types import json_text
from waivern.database.tables import artifact_declarations, artifacts, runs
from waivern.history.proof import leaf_of

DECLARED = tuple(str(each.name) for each in artifact_declarations.columns if each.name not in ("id", "digest"))
_OF_ONE_RUN = tuple(str(each.name) for each in artifacts.columns if each.name not in ("run_number", "declaration_id"))
_AT_ONCE = 500

AS_DECLARED = artifacts.c.declaration_id == artifact_declarations.c.id

whole_artifacts = (
    sa.select(
        runs.c.id.label("run_id"),
        *(artifacts.c[name] for name in _OF_ONE_RUN),
        *(artifact_declarations.c[name] for name in DECLARED),
    )
    .select_from(artifacts)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .join(artifact_declarations, AS_DECLARED, isouter=True)  # so that one that damage left without is told by its name
    .subquery("artifacts")
)
"""What artifacts are read from, run by run."""


def number_of(run_id: Any) -> "sa.ScalarSelect[int]":
    """The number of the run of an id, which may be a value or a parameter."""
    return sa.select(runs.c.number).where(runs.c.id == run_id).scalar_subquery()


def insert_artifacts(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows with columns of `whole_artifacts`, all of them with the same ones; their runs are there already."""
    for some in in_batches(rows, _AT_ONCE):
        numbers = _numbers_of(connection, {row["run_id"] for row in some})
        declaration_ids = declare(connection, some)
        of_runs = [
            {
                "run_number": numbers[row["run_id"]],
                "declaration_id": declaration_id,
                **{name: row[name] for name in _OF_ONE_RUN if name in row},
            }
            for row, declaration_id in zip(some, declaration_ids, strict=True)
        ]
        connection.execute(sa.insert(artifacts), of_runs)


def declare(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the id of what each row declares; of further columns nothing is taken."""
    said = [{name: row.get(name) or None if name in _LISTS else row.get(name) for name in DECLARED} for row in rows]
    digests = [digest_of_declaration(_as_stored(each)) for each in said]
    known = _known(connection, set(digests))
    new = {digest: each for digest, each in zip(digests, said, strict=True) if digest not in known}
    if new:
        in_one_order = [{"digest": digest, **new[digest]} for digest in sorted(new)]  # for all that do so at once
        connection.execute(_DECLARE[connection.dialect.name], in_one_order)
        known |= _known(connection, set(new))
    return [known[digest] for digest in digests]


def redeclare(connection: sa.Connection, run_number: int, artifact_id: str, **said: Any) -> None:
    """Let an artifact of a run be declared otherwise, in the columns of `said`."""
    its_row = (artifacts.c.run_number == run_number, artifacts.c.artifact_id == artifact_id)
    columns = (artifact_declarations.c[name] for name in DECLARED)
    before = connection.execute(sa.select(*columns).where(*its_row, AS_DECLARED)).one()
    (declaration_id,) = declare(connection, [{**before._mapping, **said}])
    connection.execute(sa.update(artifacts).where(*its_row), {"declaration_id": declaration_id})


def digest_of_declaration(said: Mapping[str, Any]) -> str:
    """Return the digest of a declaration's columns as the database holds them."""
    return leaf_of("artifact_declarations", {name: said[name] for name in DECLARED}).hex()


def _as_stored(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json_text(value) if name in _LISTS and value is not None else value for name, value in said.items()}


def _known(connection: sa.Connection, digests: Iterable[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    for some in in_batches(digests, _AT_ONCE):
        columns = (artifact_declarations.c.digest, artifact_declarations.c.id)
        wanted = sa.select(*columns).where(artifact_declarations.c.digest.in_(some))
        known |= {row.digest: row.id for row in connection.execute(wanted)}
    return known


def _numbers_of(connection: sa.Connection, run_ids: Iterable[str]) -> dict[str, int]:
    wanted = sa.select(runs.c.id, runs.c.number).where(runs.c.id.in_(run_ids))
    return {row.id: row.number for row in connection.execute(wanted)}


_LISTS = ("aliases", "inputs")
_DECLARE = {
    "sqlite": sqlite.insert(artifact_declarations).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(artifact_declarations).on_conflict_do_nothing(),
}
