"""Findings as rows: lines of sets, and which finding was there from which set to which."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("artifacts", sa.Column("finding_seq", sa.Integer))
    op.create_table(
        "finding_lines",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("artifact_id", sa.Text, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_lines")),
        sa.UniqueConstraint("runbook_name", "artifact_id", name=op.f("uq_finding_lines_runbook_name_artifact_id")),
    )
    op.create_table(
        "finding_sets",
        sa.Column("line_id", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("ruleset", sa.Text),
        sa.Column("rules_version", sa.Text),
        sa.Column("first_run_id", sa.String(36), nullable=False),
        sa.Column("first_at", _INSTANT, nullable=False),
        sa.Column("last_run_id", sa.String(36), nullable=False),
        sa.Column("last_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("line_id", "seq", name=op.f("pk_finding_sets")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["finding_lines.id"], name=op.f("fk_finding_sets_line_id_finding_lines"), ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_finding_sets_line_id_digest"), "finding_sets", ["line_id", "digest"])
    op.create_table(
        "findings",
        sa.Column("line_id", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("from_seq", sa.Integer, nullable=False),
        sa.Column("to_seq", sa.Integer),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("special_category", sa.Boolean),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("match_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("line_id", "fingerprint", "from_seq", name=op.f("pk_findings")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["finding_lines.id"], name=op.f("fk_findings_line_id_finding_lines"), ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_findings_line_id_to_seq"), "findings", ["line_id", "to_seq"])
    op.create_index(op.f("ix_findings_fingerprint"), "findings", ["fingerprint"])


def downgrade() -> None:
    op.drop_table("findings")
    op.drop_table("finding_sets")
    op.drop_table("finding_lines")
    op.drop_column("artifacts", "finding_seq")
