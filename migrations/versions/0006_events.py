"""What happened, in a chain: each event holds the hash of the one before; and the newest event of each run."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("previous", sa.LargeBinary(32), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_events_kind_seq"), "events", ["kind", "seq"])
    op.add_column("runs", sa.Column("event_seq", sa.BigInteger))
    op.add_column("finding_sets", sa.Column("rows_digest", sa.LargeBinary(32)))


def downgrade() -> None:
    op.drop_column("finding_sets", "rows_digest")
    op.drop_column("runs", "event_seq")
    op.drop_table("events")
