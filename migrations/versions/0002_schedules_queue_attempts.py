"""Schedules and what became of each due instant, a queue of runs, attempts, services and notifications."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INSTANT = sa.DateTime(timezone=True)


def _runs_of_0001() -> sa.Table:
    """What SQLite rebuilds the table from: it cannot tell the check constraints by itself."""
    return sa.Table(
        "runs",
        sa.MetaData(),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("runbook_digest", sa.LargeBinary(32), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.ForeignKeyConstraint(["runbook_digest"], ["runbooks.digest"], name="fk_runs_runbook_digest_runbooks"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'interrupted')",
            name=op.f("ck_runs_status_known"),
        ),
        sa.CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_runs_running_has_lease")),
        sa.Index("ix_runs_created_at_id", "created_at", "id"),
        sa.Index("ix_runs_status_created_at", "status", "created_at"),
        sa.Index("ix_runs_runbook_name_created_at", "runbook_name", "created_at"),
        sa.Index("ix_runs_schedule_id_created_at", "schedule_id", "created_at"),
        sqlite_with_rowid=False,
    )


_NEW_IN_RUNS = (
    "runbook_path",
    "working_directory",
    "priority",
    "available_at",
    "one_at_a_time",
    "attempts",
    "max_attempts",
)


def upgrade() -> None:
    _create_schedules()
    with op.batch_alter_table("runs", copy_from=_runs_of_0001(), table_kwargs={"sqlite_with_rowid": False}) as runs:
        runs.alter_column("runbook_digest", existing_type=sa.LargeBinary(32), nullable=True)
        runs.add_column(sa.Column("runbook_path", sa.Text))
        runs.add_column(sa.Column("working_directory", sa.Text))
        runs.add_column(sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
        runs.add_column(sa.Column("available_at", _INSTANT))
        runs.add_column(sa.Column("one_at_a_time", sa.Boolean, nullable=False, server_default=sa.false()))
        runs.add_column(sa.Column("attempts", sa.Integer, nullable=False, server_default="1"))
        runs.add_column(sa.Column("max_attempts", sa.Integer, nullable=False, server_default="1"))
        runs.create_foreign_key("fk_runs_schedule_id_schedules", "schedules", ["schedule_id"], ["id"])
    op.create_index("uq_runs_schedule_id_due_at", "runs", ["schedule_id", "due_at"], unique=True)
    _create_what_hangs_on_runs()
    op.create_table(
        "services",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("workers", sa.Integer, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("stopped_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
        sqlite_with_rowid=False,
    )


def _create_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("runbook_path", sa.Text, nullable=False),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("working_directory", sa.Text),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("expression", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text),
        sa.Column("anchor", _INSTANT),
        sa.Column("catch_up", sa.String(10), nullable=False),
        sa.Column("max_catch_up", sa.Integer, nullable=False),
        sa.Column("overlap", sa.String(10), nullable=False),
        sa.Column("jitter_s", sa.Float, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("notify", sa.JSON),
        sa.Column("declared_in", sa.Text),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("paused_because", sa.Text),
        sa.Column("considered_until", _INSTANT, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.Column("removed_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
        sa.CheckConstraint("status IN ('active', 'paused', 'removed')", name=op.f("ck_schedules_status_known")),
        sa.CheckConstraint("(status = 'removed') = (removed_at IS NOT NULL)", name=op.f("ck_schedules_removed_once")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_schedules_name",
        "schedules",
        ["name"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_index("ix_schedules_changed_at", "schedules", ["changed_at"])


def _create_what_hangs_on_runs() -> None:
    op.create_table(
        "schedule_fires",
        sa.Column("schedule_id", sa.String(36), nullable=False),
        sa.Column("fire_time", _INSTANT, nullable=False),
        sa.Column("run_id", sa.String(36)),
        sa.Column("skipped", sa.String(10)),
        sa.Column("decided_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("schedule_id", "fire_time", name="pk_schedule_fires"),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name="fk_schedule_fires_schedule_id_schedules"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_schedule_fires_run_id_runs"),
        sa.CheckConstraint("(run_id IS NULL) = (skipped IS NOT NULL)", name=op.f("ck_schedule_fires_run_or_reason")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_attempts",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("worker_id", sa.Text, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT),
        sa.Column("outcome", sa.String(20)),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("run_id", "epoch", name="pk_run_attempts"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_attempts_run_id_runs", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifact_attempts",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("artifact_id", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "artifact_id", "epoch", "attempt", name="pk_artifact_attempts"),
        sa.ForeignKeyConstraint(
            ["run_id", "artifact_id"],
            ["artifacts.run_id", "artifacts.artifact_id"],
            name="fk_artifact_attempts_run_id_artifact_id_artifacts",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notifications",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("target", sa.String(10), nullable=False),
        sa.Column("notice", sa.String(20), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("next_at", _INSTANT),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("sent_at", _INSTANT),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("run_id", "target", name="pk_notifications"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_notifications_run_id_runs", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_notifications_next_at", "notifications", ["next_at"])


def downgrade() -> None:
    for table in ("notifications", "artifact_attempts", "run_attempts", "schedule_fires", "services"):
        op.drop_table(table)
    op.drop_index("uq_runs_schedule_id_due_at", "runs")
    op.execute(sa.text("DELETE FROM runs WHERE runbook_digest IS NULL"))  # never planned, so nothing of it was made
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_runs_as_in_0001()
    else:
        op.drop_constraint("fk_runs_schedule_id_schedules", "runs", type_="foreignkey")
        for column in _NEW_IN_RUNS:
            op.drop_column("runs", column)
        op.alter_column("runs", "runbook_digest", nullable=False)
    op.drop_table("schedules")


def _rebuild_runs_as_in_0001() -> None:
    old = _runs_of_0001()
    kept = ", ".join(f'"{column.name}"' for column in old.columns)
    for index in old.indexes:
        op.drop_index(str(index.name), "runs")
    metadata = sa.MetaData()
    sa.Table("runbooks", metadata, sa.Column("digest", sa.LargeBinary(32), primary_key=True))
    old.to_metadata(metadata, name="runs_of_0001").create(op.get_bind())
    op.execute(sa.text(f"INSERT INTO runs_of_0001 ({kept}) SELECT {kept} FROM runs"))  # noqa: S608  our own columns
    op.drop_table("runs")
    op.rename_table("runs_of_0001", "runs")
