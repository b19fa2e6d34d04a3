"""What is the same in every run is kept once, and rows of artifacts name their run by a number.

What a run's root is over stays as it was: the same columns, now read from two tables.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INSTANT = sa.DateTime(timezone=True)
_RUNS_AT_ONCE = 200

_DECLARED = ("position", "kind", "component", "schema", "output", "optional", "retain", "aliases")
_OF_ONE_RUN = (
    *("artifact_id", "epoch", "saved_position", "finding_seq", "started_at", "ended_at", "status", "digest"),
    *("message_id", "message_context", "skip_reason", "skipped_because", "error"),
    *("pruned_at", "pruned_because"),
)
_OF_RUN_ITSELF = (
    *("id", "runbook_digest", "runbook_name", "trigger", "schedule_id", "due_at", "status", "epoch", "worker_id"),
    *("lease_until", "deadline", "created_at", "started_at", "ended_at", "error", "runbook_path"),
    *("working_directory", "priority", "available_at", "one_at_a_time", "attempts", "max_attempts", "event_seq"),
    "reanalysis_of",
)
_CHILDREN_OF_RUNS = {
    "artifacts": "CASCADE",
    "schedule_fires": None,
    "run_attempts": "CASCADE",
    "notifications": "CASCADE",
    "run_gates": "CASCADE",
}


def upgrade() -> None:
    (_rebuild_runs if _is_sqlite() else _key_runs_on_postgres)(numbered=True)
    _create_what_is_kept_once()
    _keep_each_once()
    _replace_artifacts(_artifacts_by_number(), _FROM_IDS)
    _let_attempts_hang_on_runs()
    op.drop_table("artifact_inputs")
    op.drop_table("artifacts")
    op.rename_table("artifacts_new", "artifacts")


def downgrade() -> None:
    _replace_artifacts(_artifacts_by_id(), _FROM_NUMBERS)
    op.rename_table("artifacts", "artifacts_old")
    op.rename_table("artifacts_new", "artifacts")
    _create_inputs()
    _let_attempts_hang_on_artifacts()
    op.drop_table("artifacts_old")
    op.drop_table("artifact_declarations")
    op.drop_table("overviews")
    (_rebuild_runs if _is_sqlite() else _key_runs_on_postgres)(numbered=False)


def _is_sqlite() -> bool:
    return bool(op.get_bind().dialect.name == "sqlite")


def _runs(*, numbered: bool) -> sa.Table:
    number = [sa.Column("number", sa.Integer, nullable=False)] if numbered else []
    keys = [sa.PrimaryKeyConstraint("number", name="pk_runs"), sa.UniqueConstraint("id", name="uq_runs_id")]
    metadata = sa.MetaData()
    sa.Table("runbooks", metadata, sa.Column("digest", sa.LargeBinary(32), primary_key=True))
    sa.Table("schedules", metadata, sa.Column("id", sa.String(36), primary_key=True))
    return sa.Table(
        "runs_new",
        metadata,
        *number,
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("runbook_digest", sa.LargeBinary(32)),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("trigger", sa.String(20), nullable=False),
        sa.Column("schedule_id", sa.String(36)),
        sa.Column("due_at", _INSTANT),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("worker_id", sa.Text),
        sa.Column("lease_until", _INSTANT),
        sa.Column("deadline", _INSTANT),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("started_at", _INSTANT),
        sa.Column("ended_at", _INSTANT),
        sa.Column("error", sa.Text),
        sa.Column("runbook_path", sa.Text),
        sa.Column("working_directory", sa.Text),
        sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
        sa.Column("available_at", _INSTANT),
        sa.Column("one_at_a_time", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
        sa.Column("max_attempts", sa.Integer, nullable=False, server_default="1"),
        sa.Column("event_seq", sa.BigInteger),
        sa.Column("reanalysis_of", sa.String(36)),
        *(keys if numbered else [sa.PrimaryKeyConstraint("id", name="pk_runs")]),
        sa.ForeignKeyConstraint(["runbook_digest"], ["runbooks.digest"], name="fk_runs_runbook_digest_runbooks"),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name="fk_runs_schedule_id_schedules"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'interrupted')",
            name=op.f("ck_runs_status_known"),
        ),
        sa.CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_runs_running_has_lease")),
        sqlite_with_rowid=numbered,
    )


def _rebuild_runs(*, numbered: bool) -> None:
    """On SQLite a table's key cannot be another one; numbers are given in the order in which runs were made."""
    _runs(numbered=numbered).create(op.get_bind())
    columns = _listed(_OF_RUN_ITSELF)
    op.execute(f"INSERT INTO runs_new ({columns}) SELECT {columns} FROM runs ORDER BY created_at, id")  # noqa: S608
    op.drop_table("runs")
    op.rename_table("runs_new", "runs")
    for names in (["created_at", "id"], *([name, "created_at"] for name in ("status", "runbook_name", "schedule_id"))):
        op.create_index(f"ix_runs_{'_'.join(names)}", "runs", names)
    op.create_index("uq_runs_schedule_id_due_at", "runs", ["schedule_id", "due_at"], unique=True)


def _key_runs_on_postgres(*, numbered: bool) -> None:
    for child in _CHILDREN_OF_RUNS:
        op.drop_constraint(f"fk_{child}_run_id_runs", child, type_="foreignkey")
    if numbered:
        op.execute("ALTER TABLE runs ADD COLUMN number SERIAL")
        op.drop_constraint("pk_runs", "runs", type_="primary")
        op.create_unique_constraint("uq_runs_id", "runs", ["id"])
    else:
        op.drop_constraint("uq_runs_id", "runs", type_="unique")
        op.drop_column("runs", "number")
    op.create_primary_key("pk_runs", "runs", ["number" if numbered else "id"])
    for child, on_delete in _CHILDREN_OF_RUNS.items():
        op.create_foreign_key(f"fk_{child}_run_id_runs", child, "runs", ["run_id"], ["id"], ondelete=on_delete)


def _create_what_is_kept_once() -> None:
    op.create_table(
        "artifact_declarations",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("component", sa.Text),
        sa.Column("schema", sa.Text),
        sa.Column("output", sa.Boolean, nullable=False),
        sa.Column("optional", sa.Boolean, nullable=False),
        sa.Column("retain", sa.String(20)),
        sa.Column("aliases", sa.JSON),
        sa.Column("inputs", sa.JSON),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_declarations")),
        sa.UniqueConstraint("digest", name=op.f("uq_artifact_declarations_digest")),
    )
    op.create_table(
        "overviews",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("overview", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overviews")),
        sa.UniqueConstraint("digest", name=op.f("uq_overviews_digest")),
    )


def _keep_each_once() -> None:
    """Write each declaration and each overview once, and beside each artifact which are its own."""
    for name in ("declaration_id", "overview_id"):
        op.add_column("artifacts", sa.Column(name, sa.Integer))
    connection = op.get_bind()
    run_ids = list(connection.scalars(sa.text("SELECT id FROM runs ORDER BY id")))
    declarations = _KeptOnce("artifact_declarations", (*_DECLARED, "inputs"))
    overviews = _KeptOnce("overviews", ("overview",))
    for start in range(0, len(run_ids), _RUNS_AT_ONCE):
        some = {"some": run_ids[start : start + _RUNS_AT_ONCE]}
        inputs: dict[tuple[str, str], list[str]] = {}
        for run_id, artifact_id, input_id in connection.execute(_INPUTS, some):
            inputs.setdefault((run_id, artifact_id), []).append(input_id)
        named = []
        for run_id, artifact_id, overview, *declared in connection.execute(_SAID_IN_RUNS, some):
            ids = {
                "declaration": declarations.id_of(*declared, _as_json(inputs.get((run_id, artifact_id)))),
                "overview": None if overview is None else overviews.id_of(overview),
            }
            named.append({"of_run": run_id, "of_artifact": artifact_id, **ids})
        if named:
            connection.execute(_NAME_ITS_OWN, named)


class _KeptOnce:
    """The rows of a table that says each thing once, found by the digest of it."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        as_json = "{}" if _is_sqlite() else "CAST({} AS JSON)"
        values = ", ".join(as_json.format(f":{name}") if name in _JSON else f":{name}" for name in columns)
        self._insert = sa.text(
            f"INSERT INTO {table} (digest, {_listed(columns)}) VALUES (:digest, {values}) RETURNING id"  # noqa: S608
        )
        self._table = table
        self._columns = columns
        self._known: dict[tuple[Any, ...], int] = {}

    def id_of(self, *values: Any) -> int:
        if values not in self._known:
            said = dict(zip(self._columns, values, strict=True))
            row = {"digest": self._digest_of(said), **said}
            self._known[values] = int(op.get_bind().execute(self._insert, row).scalar_one())
        return self._known[values]

    def _digest_of(self, said: dict[str, Any]) -> bytes:
        """As the leaf of a row is hashed: a zero byte, and the canonical JSON of what the row holds."""
        row = {
            name: int(value) if isinstance(value, bool) else value for name, value in said.items() if value is not None
        }
        return hashlib.sha256(b"\x00" + _as_json({"row": row, "what": self._table}).encode()).digest()


def _as_json(value: Any) -> Any:
    return None if value is None else json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _replace_artifacts(columns: Sequence[sa.schema.SchemaItem], filled: str) -> None:
    """Fill the other table of artifacts, which is to take the place of that which is there."""
    if not _is_sqlite():  # where the name of a key is one among all tables
        op.execute("ALTER TABLE artifacts RENAME CONSTRAINT pk_artifacts TO pk_artifacts_old")
    op.create_table(
        "artifacts_new",
        *columns,
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name="fk_artifacts_digest_blobs"),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'succeeded', 'failed', 'skipped')",
            name=op.f("ck_artifacts_status_known"),
        ),
        sa.CheckConstraint(
            "(status = 'succeeded') = (digest IS NOT NULL)", name=op.f("ck_artifacts_succeeded_has_message")
        ),
        sqlite_with_rowid=False,
    )
    op.execute(filled)


def _artifacts_by_number() -> Sequence[sa.schema.SchemaItem]:
    return (
        sa.Column("run_number", sa.Integer, nullable=False),
        sa.Column("artifact_id", sa.Text, nullable=False),
        sa.Column("declaration_id", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("saved_position", sa.Integer),
        sa.Column("finding_seq", sa.Integer),
        sa.Column("started_at", _INSTANT),
        sa.Column("ended_at", _INSTANT),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("digest", sa.LargeBinary(32)),
        sa.Column("overview_id", sa.Integer),
        sa.Column("message_id", sa.Text),
        sa.Column("message_context", sa.JSON),
        sa.Column("skip_reason", sa.String(20)),
        sa.Column("skipped_because", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("pruned_at", _INSTANT),
        sa.Column("pruned_because", sa.Text),
        sa.PrimaryKeyConstraint("run_number", "artifact_id", name="pk_artifacts"),
        sa.ForeignKeyConstraint(
            ["run_number"], ["runs.number"], name="fk_artifacts_run_number_runs", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["declaration_id"],
            ["artifact_declarations.id"],
            name="fk_artifacts_declaration_id_artifact_declarations",
        ),
        sa.ForeignKeyConstraint(["overview_id"], ["overviews.id"], name="fk_artifacts_overview_id_overviews"),
    )


def _artifacts_by_id() -> Sequence[sa.schema.SchemaItem]:
    return (
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("artifact_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("component", sa.Text),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("skip_reason", sa.String(20)),
        sa.Column("skipped_because", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("started_at", _INSTANT),
        sa.Column("ended_at", _INSTANT),
        sa.Column("schema", sa.Text),
        sa.Column("output", sa.Boolean, nullable=False),
        sa.Column("optional", sa.Boolean, nullable=False),
        sa.Column("aliases", sa.JSON),
        sa.Column("saved_position", sa.Integer),
        sa.Column("message_id", sa.Text),
        sa.Column("message_context", sa.JSON),
        sa.Column("overview", sa.JSON),
        sa.Column("digest", sa.LargeBinary(32)),
        sa.Column("finding_seq", sa.Integer),
        sa.Column("retain", sa.String(20)),
        sa.Column("pruned_at", _INSTANT),
        sa.Column("pruned_because", sa.Text),
        sa.PrimaryKeyConstraint("run_id", "artifact_id", name="pk_artifacts"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_artifacts_run_id_runs", ondelete="CASCADE"),
    )


def _create_inputs() -> None:
    op.create_table(
        "artifact_inputs",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("artifact_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("input_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "artifact_id", "position", name="pk_artifact_inputs"),
        sa.ForeignKeyConstraint(
            ["run_id", "artifact_id"],
            ["artifacts.run_id", "artifacts.artifact_id"],
            name="fk_artifact_inputs_run_id_artifact_id_artifacts",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.execute(_INPUTS_ON_SQLITE if _is_sqlite() else _INPUTS_ON_POSTGRES)


def _let_attempts_hang_on_runs() -> None:
    name = "fk_artifact_attempts_run_id_runs"
    if _is_sqlite():
        _rebuild_attempts(sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=name, ondelete="CASCADE"))
        return
    op.drop_constraint("fk_artifact_attempts_run_id_artifact_id_artifacts", "artifact_attempts", type_="foreignkey")
    op.create_foreign_key(name, "artifact_attempts", "runs", ["run_id"], ["id"], ondelete="CASCADE")


def _let_attempts_hang_on_artifacts() -> None:
    name, key = "fk_artifact_attempts_run_id_artifact_id_artifacts", ["run_id", "artifact_id"]
    if _is_sqlite():
        its = [f"artifacts.{column}" for column in key]
        _rebuild_attempts(sa.ForeignKeyConstraint(key, its, name=name, ondelete="CASCADE"))
        return
    op.drop_constraint("fk_artifact_attempts_run_id_runs", "artifact_attempts", type_="foreignkey")
    op.create_foreign_key(name, "artifact_attempts", "artifacts", key, key, ondelete="CASCADE")


def _rebuild_attempts(parent: sa.ForeignKeyConstraint) -> None:
    op.create_table(
        "artifact_attempts_new",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("artifact_id", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "artifact_id", "epoch", "attempt", name="pk_artifact_attempts"),
        parent,
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO artifact_attempts_new SELECT * FROM artifact_attempts")
    op.drop_table("artifact_attempts")
    op.rename_table("artifact_attempts_new", "artifact_attempts")


def _listed(names: Iterable[str], table: str = "") -> str:
    return ", ".join(f'{table}"{name}"' for name in names)


_JSON = ("aliases", "inputs", "overview")
_SOME: sa.BindParameter[str] = sa.bindparam("some", expanding=True)
_INPUTS = sa.text(
    "SELECT run_id, artifact_id, input_id FROM artifact_inputs WHERE run_id IN :some ORDER BY position"
).bindparams(_SOME)
_SAID_IN_RUNS = sa.text(
    f"SELECT run_id, artifact_id, CAST(overview AS TEXT), {_listed(_DECLARED[:-1])}, CAST(aliases AS TEXT)"  # noqa: S608  our own columns
    " FROM artifacts WHERE run_id IN :some"
).bindparams(_SOME)
_NAME_ITS_OWN = sa.text(
    "UPDATE artifacts SET declaration_id = :declaration, overview_id = :overview"
    " WHERE run_id = :of_run AND artifact_id = :of_artifact"
)
_FROM_IDS = (
    f"INSERT INTO artifacts_new (run_number, declaration_id, overview_id, {_listed(_OF_ONE_RUN)})"  # noqa: S608
    f" SELECT runs.number, artifacts.declaration_id, artifacts.overview_id, {_listed(_OF_ONE_RUN, 'artifacts.')}"
    " FROM artifacts JOIN runs ON runs.id = artifacts.run_id ORDER BY runs.number, artifacts.artifact_id"
)
_FROM_NUMBERS = (
    f"INSERT INTO artifacts_new (run_id, overview, {_listed(_OF_ONE_RUN)}, {_listed(_DECLARED)})"  # noqa: S608
    f" SELECT runs.id, overviews.overview, {_listed(_OF_ONE_RUN, 'artifacts.')}, {_listed(_DECLARED, 'declared.')}"
    " FROM artifacts JOIN runs ON runs.number = artifacts.run_number"
    " JOIN artifact_declarations AS declared ON declared.id = artifacts.declaration_id"
    " LEFT JOIN overviews ON overviews.id = artifacts.overview_id"
)
_EDGES = (
    "INSERT INTO artifact_inputs (run_id, artifact_id, position, input_id)"
    " SELECT runs.id, made.artifact_id, {edge} FROM artifacts_old AS made JOIN runs ON runs.number = made.run_number"
    " JOIN artifact_declarations AS declared ON declared.id = made.declaration_id, {edges}"
    " WHERE declared.inputs IS NOT NULL"
)
_INPUTS_ON_SQLITE = _EDGES.format(edge="edge.key, edge.value", edges="json_each(declared.inputs) AS edge")
_INPUTS_ON_POSTGRES = _EDGES.format(
    edge="edge.place - 1, edge.name",
    edges="json_array_elements_text(declared.inputs) WITH ORDINALITY AS edge (name, place)",
)
