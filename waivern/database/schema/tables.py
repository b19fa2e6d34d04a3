"""The tables that the code expects; `migrations/` creates them, and docs/database.md describes every column."""

import sqlalchemy as sa

from waivern.database.connection.column_types import Digest, EscapedText, UtcDateTime
from waivern.database.schema.artifact_tables import artifact_attempts as artifact_attempts
from waivern.database.schema.artifact_tables import artifact_declarations as artifact_declarations
from waivern.database.schema.artifact_tables import artifacts as artifacts
from waivern.database.schema.artifact_tables import overviews as overviews
from waivern.database.schema.finding_tables import current_findings as current_findings
from waivern.database.schema.finding_tables import decision_files as decision_files
from waivern.database.schema.finding_tables import decisions as decisions
from waivern.database.schema.finding_tables import finding_locations as finding_locations
from waivern.database.schema.finding_tables import finding_snapshots as finding_snapshots
from waivern.database.schema.finding_tables import finding_state_cursors as finding_state_cursors
from waivern.database.schema.finding_tables import finding_streams as finding_streams
from waivern.database.schema.finding_tables import findings as findings
from waivern.database.schema.metadata import metadata as metadata
from waivern.database.schema.part_tables import part_result_kinds as part_result_kinds
from waivern.database.schema.part_tables import part_results as part_results

runbooks = sa.Table(
    "runbooks",
    metadata,
    sa.Column("digest", Digest, primary_key=True),
    sa.Column("name", EscapedText, nullable=False),
    sa.Column("sources", sa.JSON, nullable=False),  # {path: text}, the main runbook first; no ${NAME} is resolved
    sqlite_with_rowid=False,
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", EscapedText, nullable=False),
    sa.Column("runbook_path", EscapedText, nullable=False),
    sa.Column("runbook_name", EscapedText, nullable=False),
    sa.Column("working_directory", EscapedText),
    sa.Column("kind", sa.String(10), nullable=False),  # cron, every, at
    sa.Column("expression", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text),
    sa.Column("anchor", UtcDateTime),
    sa.Column("catch_up", sa.String(10), nullable=False),
    sa.Column("max_catch_up", sa.Integer, nullable=False),
    sa.Column("overlap", sa.String(10), nullable=False),
    sa.Column("jitter_s", sa.Float, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("notify", sa.JSON(none_as_null=True)),
    sa.Column("declared_in", EscapedText),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("paused_because", EscapedText),
    sa.Column("evaluated_until", UtcDateTime, nullable=False),  # every scheduled time up to here has been decided
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("removed_at", UtcDateTime),
    sa.CheckConstraint("status IN ('active', 'paused', 'removed')", name="status_known"),
    sa.CheckConstraint("(status = 'removed') = (removed_at IS NOT NULL)", name="removed_once"),
    sa.Index(
        "uq_schedules_name",
        "name",
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    ),
    sa.Index(None, "changed_at"),
    sqlite_with_rowid=False,
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),  # the key of artifacts: shorter than the id
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("runbook_digest", Digest, sa.ForeignKey("runbooks.digest")),  # NULL until a queued run is planned
    sa.Column("runbook_name", EscapedText, nullable=False),
    sa.Column("trigger", sa.String(20), nullable=False),
    sa.Column("schedule_id", sa.String(36), sa.ForeignKey("schedules.id")),
    sa.Column("due_at", UtcDateTime),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("worker_id", sa.Text),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("deadline", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("error", EscapedText),
    sa.Column("runbook_path", EscapedText),
    sa.Column("working_directory", EscapedText),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("available_at", UtcDateTime),  # a queued run is not claimed earlier
    sa.Column("exclusive", sa.Boolean, nullable=False, server_default=sa.false()),  # one run of its schedule at a time
    sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),  # started, without released ones
    sa.Column("max_attempts", sa.Integer, nullable=False, server_default="1"),
    sa.Column("event_seq", sa.BigInteger),  # the newest event about the run
    sa.Column("reanalysis_of", sa.String(36)),  # the run whose sources it analyses again
    sa.Column("restored", sa.String(10)),  # whether an archive's events proved it; null: the run was executed here
    sa.CheckConstraint(
        "status IN ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'interrupted')",
        name="status_known",
    ),
    sa.CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="running_has_lease"),
    sa.CheckConstraint(
        "restored IS NULL OR (restored IN ('proven', 'unproven') AND status NOT IN ('queued', 'running'))",
        name="restored_never_runs",
    ),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "status", "created_at"),
    sa.Index(None, "runbook_name", "created_at"),
    sa.Index(
        "ix_runs_complete",
        *("runbook_name", "created_at", "id"),
        sqlite_where=sa.text("status = 'succeeded' AND reanalysis_of IS NULL"),
        postgresql_where=sa.text("status = 'succeeded' AND reanalysis_of IS NULL"),
    ),
    sa.Index(None, "trigger", "created_at"),
    sa.Index(None, "ended_at"),  # whose retention has expired
    sa.Index(
        None,
        "restored",
        sqlite_where=sa.text("restored IS NOT NULL"),
        postgresql_where=sa.text("restored IS NOT NULL"),
    ),
    sa.Index(None, "schedule_id", "created_at"),
    sa.Index("uq_runs_schedule_id_due_at", "schedule_id", "due_at", unique=True),
)

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("digest", Digest, primary_key=True),
    sa.Column("codec", sa.String(10), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes of the canonical JSON
    sa.Column("stored_size", sa.BigInteger, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("checksum", sa.BigInteger, nullable=False),  # CRC-32 of the stored bytes
    # The bytes instead of `data`, if they were written in chunks. The last column, because SQLite reads a row up to the
    # last selected column: selecting a column after a large one would load all of its bytes.
    sa.Column("chunked_data", sa.LargeBinary),
    sa.Index(
        "ix_blobs_manifests",
        *("codec", "digest"),
        sqlite_where=sa.text("codec = 'manifest'"),
        postgresql_where=sa.text("codec = 'manifest'"),
    ),
)

blob_keys = sa.Table(  # the encrypted data keys of encrypted blobs
    "blob_keys",
    metadata,
    sa.Column("digest", Digest, sa.ForeignKey("blobs.digest"), primary_key=True),
    sa.Column("key_id", sa.String(16), nullable=False),  # the key-encryption key
    sa.Column("wrapped", sa.LargeBinary(60), nullable=False),
    sqlite_with_rowid=False,
)

gc_candidates = sa.Table(  # blobs that lost a reference: garbage collection deletes those without any other
    "gc_candidates",
    metadata,
    sa.Column("digest", Digest, sa.ForeignKey("blobs.digest"), primary_key=True),
    sa.Column("generation", sa.BigInteger, nullable=False),  # random, new for each lost reference
    # whether what was found in its parts stays remembered, because only `retain: none` has deleted it
    sa.Column("keeps_results", sa.Boolean, nullable=False, server_default=sa.false()),
    sqlite_with_rowid=False,
)

schedule_triggers = sa.Table(  # scheduled times that have a run
    "schedule_triggers",
    metadata,
    sa.Column("schedule_id", sa.String(36), sa.ForeignKey("schedules.id"), primary_key=True),
    sa.Column("due_at", UtcDateTime, primary_key=True),
    sa.Column("run_id", sa.String(36), sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

skipped_times = sa.Table(  # scheduled times that have none, as ranges
    "skipped_times",
    metadata,
    sa.Column("schedule_id", sa.String(36), sa.ForeignKey("schedules.id"), primary_key=True),
    sa.Column("last_due_at", UtcDateTime, primary_key=True),
    sa.Column("first_due_at", UtcDateTime, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("skip_reason", sa.String(10), nullable=False),  # why there is no run
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

runbook_faults = sa.Table(  # what the newest sync of a folder of runbooks refused
    "runbook_faults",
    metadata,
    sa.Column("folder", EscapedText, primary_key=True),
    sa.Column("path", EscapedText, primary_key=True),
    sa.Column("reason", EscapedText, nullable=False),
    sa.Column("found_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

run_attempts = sa.Table(
    "run_attempts",
    metadata,
    sa.Column("run_id", sa.String(36), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("worker_id", sa.Text, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("outcome", sa.String(20)),  # a run's final status, or released
    sa.Column("error", EscapedText),
    sqlite_with_rowid=False,
)

run_gates = sa.Table(
    "run_gates",
    metadata,
    sa.Column("run_id", sa.String(36), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("gate", EscapedText, primary_key=True),
    sa.Column("violations", sa.Integer, nullable=False),  # findings, or coverage gaps; 0: the gate passed
    sqlite_with_rowid=False,
)

services = sa.Table(
    "services",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(10), nullable=False),  # serve, worker
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("workers", sa.Integer, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("heartbeat_at", UtcDateTime, nullable=False),
    sa.Column("stopped_at", UtcDateTime),
    sqlite_with_rowid=False,
)

periodic_tasks = sa.Table(
    "periodic_tasks",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("next_run_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

notifications = sa.Table(
    "notifications",
    metadata,
    sa.Column("run_id", sa.String(36), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("target", sa.String(10), primary_key=True),  # webhook, command
    sa.Column("kind", sa.String(20), primary_key=True),  # failed, timed_out, recovered, gate_tripped
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("next_attempt_at", UtcDateTime),  # NULL after delivery, or after the last attempt
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("error", EscapedText),
    sa.Index(None, "next_attempt_at"),
    sqlite_with_rowid=False,
)

events = sa.Table(  # the audit log; rows are only added, by `event_rows`
    "events",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),  # canonical JSON, hashed as stored
    sa.Column("previous", Digest, nullable=False),
    sa.Column("hash", Digest, nullable=False),
    sa.Index(None, "kind", "seq"),
    sa.Index(None, "at"),
    sqlite_with_rowid=False,
)

imported_events = sa.Table(  # events of the databases that restored runs came from, unchanged
    "imported_events",
    metadata,
    sa.Column("origin", sa.String(36), primary_key=True),
    *(sa.Column(column.name, column.type, primary_key=column.primary_key, nullable=False) for column in events.columns),
    sqlite_with_rowid=False,
)
