"""Store skipped scheduled times as ranges, and in `schedule_triggers` only those that have a run."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003_skipped_times"
down_revision: str | None = "0002_runbook_faults"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Rows that follow one another without a run in between, and were skipped together, become one range.
_RANGES = """
INSERT INTO skipped_times (schedule_id, first_due_at, last_due_at, times, skip_reason, decided_at)
SELECT schedule_id, min(due_at), max(due_at), count(*), skip_reason, decided_at
FROM (
    SELECT schedule_id, due_at, skip_reason, decided_at,
        row_number() OVER (PARTITION BY schedule_id ORDER BY due_at)
        - row_number() OVER (PARTITION BY schedule_id, skip_reason, decided_at ORDER BY due_at) AS island
    FROM schedule_triggers
) AS numbered
WHERE skip_reason IS NOT NULL
GROUP BY schedule_id, skip_reason, decided_at, island
"""
# Which times a range consists of is known to cron only, so a downgrade keeps the first and the last one.
_FIRST_AND_LAST = """
INSERT INTO schedule_triggers (schedule_id, due_at, run_id, skip_reason, decided_at)
SELECT schedule_id, due_at, NULL, min(skip_reason), min(decided_at)
FROM (
    SELECT schedule_id, first_due_at AS due_at, skip_reason, decided_at FROM skipped_times
    UNION ALL
    SELECT schedule_id, last_due_at, skip_reason, decided_at FROM skipped_times
) AS ends
WHERE NOT EXISTS (
    SELECT 1 FROM schedule_triggers AS t WHERE t.schedule_id = ends.schedule_id AND t.due_at = ends.due_at
)
GROUP BY schedule_id, due_at
"""


def upgrade() -> None:
    op.create_table(
        "skipped_times",
        sa.Column("schedule_id", sa.String(36), nullable=False),
        sa.Column("last_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("skip_reason", sa.String(10), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("schedule_id", "last_due_at", name="pk_skipped_times"),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name="fk_skipped_times_schedule_id_schedules"),
        sqlite_with_rowid=False,
    )
    op.execute(_RANGES)
    op.execute("DELETE FROM schedule_triggers WHERE run_id IS NULL")
    with op.batch_alter_table("schedule_triggers", table_kwargs={"sqlite_with_rowid": False}) as triggers:
        triggers.drop_constraint(op.f("ck_schedule_triggers_run_or_reason"), type_="check")
        triggers.drop_column("skip_reason")
        triggers.alter_column("run_id", existing_type=sa.String(36), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("schedule_triggers", table_kwargs={"sqlite_with_rowid": False}) as triggers:
        triggers.alter_column("run_id", existing_type=sa.String(36), nullable=True)
        triggers.add_column(sa.Column("skip_reason", sa.String(10)))
        triggers.create_check_constraint(
            op.f("ck_schedule_triggers_run_or_reason"), "(run_id IS NULL) = (skip_reason IS NOT NULL)"
        )
    op.execute(_FIRST_AND_LAST)
    op.drop_table("skipped_times")
