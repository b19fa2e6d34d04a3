"""Add indexes for the questions that people ask: artifacts by content, events by time, runs by trigger, findings by rule."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004_query_indexes"
down_revision: str | None = "0003_skipped_times"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_HAS_DIGEST = sa.text("digest IS NOT NULL")
_IS_MANIFEST = sa.text("codec = 'manifest'")
_IS_RESTORED = sa.text("restored IS NOT NULL")
_COMPLETE = sa.text("status = 'succeeded' AND reanalysis_of IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_artifacts_digest_prefix",
        "artifacts",
        [sa.text("substr(digest, 1, 3)")],
        sqlite_where=_HAS_DIGEST,
        postgresql_where=_HAS_DIGEST,
    )
    op.create_index(
        "ix_blobs_manifests",
        "blobs",
        ["codec", "digest"],
        sqlite_where=_IS_MANIFEST,
        postgresql_where=_IS_MANIFEST,
    )
    op.create_index("ix_current_findings_rule_cursor_id", "current_findings", ["rule", "cursor_id"])
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index(
        "ix_runs_complete",
        "runs",
        ["runbook_name", "created_at", "id"],
        sqlite_where=_COMPLETE,
        postgresql_where=_COMPLETE,
    )
    op.create_index("ix_runs_ended_at", "runs", ["ended_at"])
    op.create_index("ix_runs_restored", "runs", ["restored"], sqlite_where=_IS_RESTORED, postgresql_where=_IS_RESTORED)
    op.create_index("ix_runs_trigger_created_at", "runs", ["trigger", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_runs_trigger_created_at", table_name="runs")
    op.drop_index("ix_runs_restored", table_name="runs")
    op.drop_index("ix_runs_ended_at", table_name="runs")
    op.drop_index("ix_runs_complete", table_name="runs")
    op.drop_index("ix_events_at", table_name="events")
    op.drop_index("ix_current_findings_rule_cursor_id", table_name="current_findings")
    op.drop_index("ix_blobs_manifests", table_name="blobs")
    op.drop_index("ix_artifacts_digest_prefix", table_name="artifacts")
