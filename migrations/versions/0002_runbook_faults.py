"""Store which runbooks of followed folders cannot be followed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002_runbook_faults"
down_revision: str | None = "0001_initial"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "runbook_faults",
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("folder", "path", name="pk_runbook_faults"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("runbook_faults")
