"""Remember what part-wise analysers found in parts."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006_part_results"
down_revision: str | None = "0005_staged_findings"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "part_result_kinds",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_part_result_kinds"),
        sa.UniqueConstraint("digest", name="uq_part_result_kinds_digest"),
    )
    op.create_table(
        "part_results",
        sa.Column("part", sa.LargeBinary(32), nullable=False),
        sa.Column("kind_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("used_on", sa.Date, nullable=False),
        sa.Column("checksum", sa.BigInteger, nullable=False),
        sa.Column("key_id", sa.String(16)),
        sa.Column("wrapped", sa.LargeBinary(60)),
        sa.Column("result", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("part", "kind_id", name="pk_part_results"),
        sa.ForeignKeyConstraint(
            ["kind_id"], ["part_result_kinds.id"], name="fk_part_results_kind_id_part_result_kinds"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_part_results_used_on", "part_results", ["used_on"])
    op.add_column("gc_candidates", sa.Column("keeps_results", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("gc_candidates", "keeps_results")
    op.drop_table("part_results")
    op.drop_table("part_result_kinds")
