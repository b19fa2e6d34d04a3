"""Create all tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001_initial"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "artifact_declarations",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("component", sa.Text),
        sa.Column("schema", sa.Text),
        sa.Column("output", sa.Boolean, nullable=False),
        sa.Column("optional", sa.Boolean, nullable=False),
        sa.Column("retain", sa.String(20)),
        sa.Column("aliases", sa.JSON),
        sa.Column("inputs", sa.JSON),
        sa.PrimaryKeyConstraint("id", name="pk_artifact_declarations"),
        sa.UniqueConstraint("digest", name="uq_artifact_declarations_digest"),
    )
    op.create_table(
        "blobs",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("codec", sa.String(10), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("stored_size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.BigInteger, nullable=False),
        sa.Column("chunked_data", sa.LargeBinary),
        sa.PrimaryKeyConstraint("digest", name="pk_blobs"),
    )
    op.create_table(
        "decision_files",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("digest", sa.LargeBinary(32)),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_decision_files"),
    )
    op.create_index("ix_decision_files_runbook_name_seq", "decision_files", ["runbook_name", "seq"])
    op.create_table(
        "decisions",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("runbook_name", sa.Text),
        sa.Column("fingerprint", sa.Text),
        sa.Column("rule", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("until", sa.Date),
        sa.Column("origin", sa.String(10), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_decisions"),
        sa.CheckConstraint(
            "(fingerprint IS NULL) = (rule IS NOT NULL) AND (rule IS NULL) = (location IS NULL)",
            name=op.f("ck_decisions_about_one_thing"),
        ),
        sa.CheckConstraint(
            "verdict IN ('suppressed', 'accepted', 'reopened')", name=op.f("ck_decisions_verdict_known")
        ),
    )
    op.create_index("ix_decisions_fingerprint", "decisions", ["fingerprint"])
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("previous", sa.LargeBinary(32), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_events_kind_seq", "events", ["kind", "seq"])
    op.create_table(
        "finding_locations",
        sa.Column("location", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("location", name="pk_finding_locations"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "finding_state_cursors",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("run_id", sa.String(36)),
        sa.Column("run_at", sa.DateTime(timezone=True)),
        sa.Column("snapshots", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_finding_state_cursors"),
        sa.UniqueConstraint("runbook_name", name="uq_finding_state_cursors_runbook_name"),
    )
    op.create_table(
        "finding_streams",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("artifact_id", sa.Text, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_finding_streams"),
        sa.UniqueConstraint("runbook_name", "artifact_id", name="uq_finding_streams_runbook_name_artifact_id"),
    )
    op.create_table(
        "imported_events",
        sa.Column("origin", sa.String(36), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("previous", sa.LargeBinary(32), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("origin", "seq", name="pk_imported_events"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "overviews",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("overview", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_overviews"),
        sa.UniqueConstraint("digest", name="uq_overviews_digest"),
    )
    op.create_table(
        "periodic_tasks",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_periodic_tasks"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runbooks",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sources", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_runbooks"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "schedules",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("runbook_path", sa.Text, nullable=False),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("working_directory", sa.Text),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("expression", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text),
        sa.Column("anchor", sa.DateTime(timezone=True)),
        sa.Column("catch_up", sa.String(10), nullable=False),
        sa.Column("max_catch_up", sa.Integer, nullable=False),
        sa.Column("overlap", sa.String(10), nullable=False),
        sa.Column("jitter_s", sa.Float, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("notify", sa.JSON),
        sa.Column("declared_in", sa.Text),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("paused_because", sa.Text),
        sa.Column("evaluated_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
        sa.CheckConstraint("(status = 'removed') = (removed_at IS NOT NULL)", name=op.f("ck_schedules_removed_once")),
        sa.CheckConstraint("status IN ('active', 'paused', 'removed')", name=op.f("ck_schedules_status_known")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_schedules_changed_at", "schedules", ["changed_at"])
    op.create_index(
        "uq_schedules_name",
        "schedules",
        ["name"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "services",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("workers", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "blob_keys",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(60), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_blob_keys"),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name="fk_blob_keys_digest_blobs"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "current_findings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("cursor_id", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("severity_rank", sa.SmallInteger, nullable=False),
        sa.Column("special_category", sa.Boolean),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("match_count", sa.Integer, nullable=False),
        sa.Column("first_run_id", sa.String(36), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_run_id", sa.String(36)),
        sa.Column("last_at", sa.DateTime(timezone=True)),
        sa.Column("verdict", sa.String(10)),
        sa.Column("until", sa.Date),
        sa.PrimaryKeyConstraint("id", name="pk_current_findings"),
        sa.ForeignKeyConstraint(
            ["cursor_id"],
            ["finding_state_cursors.id"],
            name="fk_current_findings_cursor_id_finding_state_cursors",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("fingerprint", "cursor_id", name="uq_current_findings_fingerprint_cursor_id"),
        sa.CheckConstraint(
            "state IN ('new', 'open', 'fixed', 'unknown')", name=op.f("ck_current_findings_state_known")
        ),
    )
    op.create_index(
        "ix_current_findings_by_category",
        "current_findings",
        ["category", "since", "id", "state", "severity_rank", "cursor_id"],
    )
    op.create_index(
        "ix_current_findings_by_cursor",
        "current_findings",
        ["cursor_id", "since", "id", "state", "severity_rank", "category"],
    )
    op.create_index(
        "ix_current_findings_by_severity",
        "current_findings",
        ["severity_rank", "since", "id", "state", "cursor_id", "category"],
    )
    op.create_index(
        "ix_current_findings_location",
        "current_findings",
        ["location"],
        postgresql_ops={"location": "text_pattern_ops"},
    )
    op.create_index("ix_current_findings_since_id", "current_findings", ["since", "id"])
    op.create_index("ix_current_findings_state_since_id", "current_findings", ["state", "since", "id"])
    op.create_index(
        "ix_current_findings_until",
        "current_findings",
        ["until"],
        sqlite_where=sa.text("until IS NOT NULL"),
        postgresql_where=sa.text("until IS NOT NULL"),
    )
    op.create_index(
        "ix_current_findings_verdict_since_id",
        "current_findings",
        ["verdict", "since", "id"],
        sqlite_where=sa.text("verdict IS NOT NULL"),
        postgresql_where=sa.text("verdict IS NOT NULL"),
    )
    op.create_table(
        "finding_snapshots",
        sa.Column("stream_id", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("ruleset", sa.Text),
        sa.Column("rules_version", sa.Text),
        sa.Column("coverage_gaps", sa.JSON, nullable=False),
        sa.Column("first_run_id", sa.String(36), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_run_id", sa.String(36), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows_digest", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "seq", name="pk_finding_snapshots"),
        sa.ForeignKeyConstraint(
            ["stream_id"],
            ["finding_streams.id"],
            name="fk_finding_snapshots_stream_id_finding_streams",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_finding_snapshots_stream_id_digest", "finding_snapshots", ["stream_id", "digest"])
    op.create_table(
        "findings",
        sa.Column("stream_id", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Integer, nullable=False),
        sa.Column("valid_to", sa.Integer),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("special_category", sa.Boolean),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("match_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "fingerprint", "valid_from", name="pk_findings"),
        sa.ForeignKeyConstraint(
            ["stream_id"], ["finding_streams.id"], name="fk_findings_stream_id_finding_streams", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_findings_fingerprint", "findings", ["fingerprint"])
    op.create_index("ix_findings_stream_id_valid_to", "findings", ["stream_id", "valid_to"])
    op.create_table(
        "gc_candidates",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_gc_candidates"),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name="fk_gc_candidates_digest_blobs"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runs",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("runbook_digest", sa.LargeBinary(32)),
        sa.Column("runbook_name", sa.Text, nullable=False),
        sa.Column("trigger", sa.String(20), nullable=False),
        sa.Column("schedule_id", sa.String(36)),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("worker_id", sa.Text),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("deadline", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text),
        sa.Column("runbook_path", sa.Text),
        sa.Column("working_directory", sa.Text),
        sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
        sa.Column("available_at", sa.DateTime(timezone=True)),
        sa.Column("exclusive", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
        sa.Column("max_attempts", sa.Integer, nullable=False, server_default="1"),
        sa.Column("event_seq", sa.BigInteger),
        sa.Column("reanalysis_of", sa.String(36)),
        sa.Column("restored", sa.String(10)),
        sa.PrimaryKeyConstraint("number", name="pk_runs"),
        sa.ForeignKeyConstraint(["runbook_digest"], ["runbooks.digest"], name="fk_runs_runbook_digest_runbooks"),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name="fk_runs_schedule_id_schedules"),
        sa.UniqueConstraint("id", name="uq_runs_id"),
        sa.CheckConstraint(
            "restored IS NULL OR (restored IN ('proven', 'unproven') AND status NOT IN ('queued', 'running'))",
            name=op.f("ck_runs_restored_never_runs"),
        ),
        sa.CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_runs_running_has_lease")),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'interrupted')",
            name=op.f("ck_runs_status_known"),
        ),
    )
    op.create_index("ix_runs_created_at_id", "runs", ["created_at", "id"])
    op.create_index("ix_runs_runbook_name_created_at", "runs", ["runbook_name", "created_at"])
    op.create_index("ix_runs_schedule_id_created_at", "runs", ["schedule_id", "created_at"])
    op.create_index("ix_runs_status_created_at", "runs", ["status", "created_at"])
    op.create_index("uq_runs_schedule_id_due_at", "runs", ["schedule_id", "due_at"], unique=True)
    op.create_table(
        "artifact_attempts",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("artifact_id", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "artifact_id", "epoch", "attempt", name="pk_artifact_attempts"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_artifact_attempts_run_id_runs", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifacts",
        sa.Column("run_number", sa.Integer, nullable=False),
        sa.Column("artifact_id", sa.Text, nullable=False),
        sa.Column("declaration_id", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("save_order", sa.Integer),
        sa.Column("snapshot_seq", sa.Integer),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("digest", sa.LargeBinary(32)),
        sa.Column("overview_id", sa.Integer),
        sa.Column("message_id", sa.Text),
        sa.Column("message_context", sa.JSON),
        sa.Column("skip_reason", sa.String(20)),
        sa.Column("skipped_because", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("pruned_at", sa.DateTime(timezone=True)),
        sa.Column("pruned_because", sa.Text),
        sa.PrimaryKeyConstraint("run_number", "artifact_id", name="pk_artifacts"),
        sa.ForeignKeyConstraint(
            ["declaration_id"], ["artifact_declarations.id"], name="fk_artifacts_declaration_id_artifact_declarations"
        ),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name="fk_artifacts_digest_blobs"),
        sa.ForeignKeyConstraint(["overview_id"], ["overviews.id"], name="fk_artifacts_overview_id_overviews"),
        sa.ForeignKeyConstraint(
            ["run_number"], ["runs.number"], name="fk_artifacts_run_number_runs", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'succeeded', 'failed', 'skipped')", name=op.f("ck_artifacts_status_known")
        ),
        sa.CheckConstraint(
            "(status = 'succeeded') = (digest IS NOT NULL)", name=op.f("ck_artifacts_succeeded_has_message")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notifications",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("target", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("run_id", "target", "kind", name="pk_notifications"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_notifications_run_id_runs", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_notifications_next_attempt_at", "notifications", ["next_attempt_at"])
    op.create_table(
        "run_attempts",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("worker_id", sa.Text, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.String(20)),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("run_id", "epoch", name="pk_run_attempts"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_attempts_run_id_runs", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_gates",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("violations", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "gate", name="pk_run_gates"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_gates_run_id_runs", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "schedule_triggers",
        sa.Column("schedule_id", sa.String(36), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String(36)),
        sa.Column("skip_reason", sa.String(10)),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("schedule_id", "due_at", name="pk_schedule_triggers"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_schedule_triggers_run_id_runs"),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name="fk_schedule_triggers_schedule_id_schedules"),
        sa.CheckConstraint(
            "(run_id IS NULL) = (skip_reason IS NOT NULL)", name=op.f("ck_schedule_triggers_run_or_reason")
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("schedule_triggers")
    op.drop_table("run_gates")
    op.drop_table("run_attempts")
    op.drop_table("notifications")
    op.drop_table("artifacts")
    op.drop_table("artifact_attempts")
    op.drop_table("runs")
    op.drop_table("gc_candidates")
    op.drop_table("findings")
    op.drop_table("finding_snapshots")
    op.drop_table("current_findings")
    op.drop_table("blob_keys")
    op.drop_table("services")
    op.drop_table("schedules")
    op.drop_table("runbooks")
    op.drop_table("periodic_tasks")
    op.drop_table("overviews")
    op.drop_table("imported_events")
    op.drop_table("finding_streams")
    op.drop_table("finding_state_cursors")
    op.drop_table("finding_locations")
    op.drop_table("events")
    op.drop_table("decisions")
    op.drop_table("decision_files")
    op.drop_table("blobs")
    op.drop_table("artifact_declarations")
