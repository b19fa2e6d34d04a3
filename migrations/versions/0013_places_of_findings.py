"""Where something was ever found, each place once; and what is asked for of findings behind the keys of their indexes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BEHIND = {
    "head_id": ("state", "severity_rank", "category"),
    "category": ("state", "severity_rank", "head_id"),
    "severity_rank": ("state", "head_id", "category"),
}


def upgrade() -> None:
    op.create_table(
        "known_places",
        sa.Column("place", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_known_places")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO known_places (place) SELECT DISTINCT place FROM known_findings")
    for first, behind in _BEHIND.items():
        _drop_index(first, "since", "id")
        _create_index(first, "since", "id", *behind)


def downgrade() -> None:
    for first, behind in _BEHIND.items():
        _drop_index(first, "since", "id", *behind)
        _create_index(first, "since", "id")
    op.drop_table("known_places")


def _create_index(*columns: str) -> None:
    op.create_index(op.f(f"ix_known_findings_{'_'.join(columns)}"), "known_findings", list(columns))


def _drop_index(*columns: str) -> None:
    op.drop_index(op.f(f"ix_known_findings_{'_'.join(columns)}"), "known_findings")
