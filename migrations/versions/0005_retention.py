"""How long messages are kept, and which contents nobody wants any more."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("artifacts", sa.Column("retain", sa.String(20)))
    op.add_column("artifacts", sa.Column("pruned_at", _INSTANT))
    op.add_column("artifacts", sa.Column("pruned_because", sa.Text))
    op.create_table(
        "unwanted_blobs",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("mark", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_unwanted_blobs")),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name=op.f("fk_unwanted_blobs_digest_blobs")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "chores",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("next_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chores")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("chores")
    op.drop_table("unwanted_blobs")
    for name in ("pruned_because", "pruned_at", "retain"):
        op.drop_column("artifacts", name)
