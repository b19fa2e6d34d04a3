"""How each finding stands by the newest complete run of its runbook; what was not looked at; gates; reanalyses."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("finding_sets", sa.Column("omissions", sa.JSON))
    op.add_column("runs", sa.Column("reanalysis_of", sa.String(36)))
    op.create_table(
        "finding_heads",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("run_id", sa.String(36)),
        sa.Column("run_at", _INSTANT),
        sa.Column("seqs", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_heads")),
        sa.UniqueConstraint("runbook_name", name=op.f("uq_finding_heads_runbook_name")),
    )
    op.create_table(
        "known_findings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("head_id", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("severity_rank", sa.SmallInteger, nullable=False),
        sa.Column("special_category", sa.Boolean),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("match_count", sa.Integer, nullable=False),
        sa.Column("first_run_id", sa.String(36), nullable=False),
        sa.Column("first_at", _INSTANT, nullable=False),
        sa.Column("last_run_id", sa.String(36)),
        sa.Column("last_at", _INSTANT),
        sa.Column("verdict", sa.String(10)),
        sa.Column("until", sa.Date),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_findings")),
        sa.ForeignKeyConstraint(
            ["head_id"], ["finding_heads.id"], name=op.f("fk_known_findings_head_id_finding_heads"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("fingerprint", "head_id", name=op.f("uq_known_findings_fingerprint_head_id")),
        sa.CheckConstraint("state IN ('new', 'open', 'fixed', 'unknown')", name=op.f("ck_known_findings_state_known")),
    )
    for columns in (["since"], *([name, "since"] for name in ("head_id", "category", "severity_rank", "state"))):
        name = op.f(f"ix_known_findings_{'_'.join(columns)}_id")
        op.create_index(name, "known_findings", [*columns, "id"])
    op.create_index(
        op.f("ix_known_findings_verdict_since_id"),
        "known_findings",
        ["verdict", "since", "id"],
        sqlite_where=sa.text("verdict IS NOT NULL"),
        postgresql_where=sa.text("verdict IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_known_findings_place"), "known_findings", ["place"], postgresql_ops={"place": "text_pattern_ops"}
    )
    op.create_table(
        "run_gates",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("tripped", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "gate", name=op.f("pk_run_gates")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_gates_run_id_runs"), ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("run_gates")
    op.drop_table("known_findings")
    op.drop_table("finding_heads")
    op.drop_column("runs", "reanalysis_of")
    op.drop_column("finding_sets", "omissions")
