"""Runs, their artifacts and what these are made of."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "runbooks",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sources", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_runbooks"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("runbook_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("trigger", sa.String(20), nullable=False),
        sa.Column("schedule_id", sa.String(36)),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("worker_id", sa.Text),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("deadline", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.ForeignKeyConstraint(["runbook_digest"], ["runbooks.digest"], name="fk_runs_runbook_digest_runbooks"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'interrupted')",
            name=op.f("ck_runs_status_known"),
        ),
        sa.CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_runs_running_has_lease")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_runs_created_at_id", "runs", ["created_at", "id"])
    op.create_index("ix_runs_status_created_at", "runs", ["status", "created_at"])
    op.create_index("ix_runs_runbook_name_created_at", "runs", ["runbook_name", "created_at"])
    op.create_index("ix_runs_schedule_id_created_at", "runs", ["schedule_id", "created_at"])
    op.create_table(
        "blobs",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("codec", sa.String(10), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("stored_size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_blobs"),
    )
    op.create_table(
        "artifacts",
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
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("schema", sa.Text),
        sa.Column("output", sa.Boolean, nullable=False),
        sa.Column("optional", sa.Boolean, nullable=False),
        sa.Column("aliases", sa.JSON),
        sa.Column("saved_position", sa.Integer),
        sa.Column("message_id", sa.Text),
        sa.Column("message_context", sa.JSON),
        sa.Column("overview", sa.JSON),
        sa.Column("digest", sa.LargeBinary(32)),
        sa.PrimaryKeyConstraint("run_id", "artifact_id", name="pk_artifacts"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_artifacts_run_id_runs", ondelete="CASCADE"),
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


def downgrade() -> None:
    for table in ("artifact_inputs", "artifacts", "blobs", "runs", "runbooks"):
        op.drop_table(table)
