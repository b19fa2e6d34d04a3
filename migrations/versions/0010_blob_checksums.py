"""A checksum of each blob's bytes as they are stored: another packing of the same content is noticed, too."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("blobs", sa.Column("checksum", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("blobs", "checksum")
