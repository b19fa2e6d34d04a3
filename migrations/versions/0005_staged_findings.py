"""Let findings and current findings be written before they are visible."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005_staged_findings"
down_revision: str | None = "0004_query_indexes"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("finding_streams", sa.Column("staged_by", sa.String(60)))
    with op.batch_alter_table("finding_state_cursors") as cursors:
        cursors.alter_column("runbook_name", existing_type=sa.Text, nullable=True)


def downgrade() -> None:
    op.execute(
        "DELETE FROM current_findings"
        " WHERE cursor_id IN (SELECT id FROM finding_state_cursors WHERE runbook_name IS NULL)"
    )
    op.execute("DELETE FROM finding_state_cursors WHERE runbook_name IS NULL")
    op.execute(
        "DELETE FROM findings WHERE valid_from >"
        " (SELECT last_seq FROM finding_streams WHERE id = stream_id AND staged_by IS NOT NULL)"
    )
    op.execute(
        "UPDATE findings SET valid_to = NULL WHERE valid_to >="
        " (SELECT last_seq FROM finding_streams WHERE id = stream_id AND staged_by IS NOT NULL)"
    )
    with op.batch_alter_table("finding_state_cursors") as cursors:
        cursors.alter_column("runbook_name", existing_type=sa.Text, nullable=False)
    with op.batch_alter_table("finding_streams") as streams:
        streams.drop_column("staged_by")
