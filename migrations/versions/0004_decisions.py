"""Decisions about findings, and the files beside runbooks that hold some of them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("runbook_name", sa.Text),
        sa.Column("fingerprint", sa.Text),
        sa.Column("rule", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("until", sa.Date),
        sa.Column("origin", sa.String(10), nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_decisions")),
        sa.CheckConstraint(
            "verdict IN ('suppressed', 'accepted', 'reopened')", name=op.f("ck_decisions_verdict_known")
        ),
        sa.CheckConstraint(
            "(fingerprint IS NULL) = (rule IS NOT NULL) AND (rule IS NULL) = (location IS NULL)",
            name=op.f("ck_decisions_about_one_thing"),
        ),
    )
    op.create_index(op.f("ix_decisions_fingerprint"), "decisions", ["fingerprint"])
    op.create_table(
        "decision_files",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("digest", sa.LargeBinary(32)),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("used_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_decision_files")),
    )
    op.create_index(op.f("ix_decision_files_runbook_name_seq"), "decision_files", ["runbook_name", "seq"])


def downgrade() -> None:
    op.drop_table("decision_files")
    op.drop_table("decisions")
