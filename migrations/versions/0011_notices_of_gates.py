"""A run may have two notices: that it recovered, and that a gate tripped."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    _change_key(["run_id", "target", "notice"])


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM notifications WHERE notice = 'gate_tripped'"))
    _change_key(["run_id", "target"])


def _change_key(columns: list[str]) -> None:
    with op.batch_alter_table("notifications", table_kwargs={"sqlite_with_rowid": False}) as notifications:
        notifications.drop_constraint("pk_notifications", type_="primary")
        notifications.create_primary_key("pk_notifications", columns)
