"""A column behind all others for the bytes of large contents, which SQLite can make room for without having them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("blobs", sa.Column("bulk", sa.LargeBinary))


def downgrade() -> None:
    op.execute("UPDATE blobs SET data = bulk WHERE bulk IS NOT NULL")
    op.drop_column("blobs", "bulk")
