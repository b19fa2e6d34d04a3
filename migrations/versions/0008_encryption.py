"""The keys of encrypted contents, each wrapped by a key that is not in the database."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "blob_keys",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(60), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_blob_keys")),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name=op.f("fk_blob_keys_digest_blobs")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("blob_keys")
