"""The tables of artifacts: their declarations in plans, and their state in each run."""

import sqlalchemy as sa

from waivern.database.connection.column_types import Digest, EscapedText, UtcDateTime
from waivern.database.schema.metadata import metadata

artifact_declarations = sa.Table(  # interned: shared by all runs that declare the same
    "artifact_declarations",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", Digest, nullable=False, unique=True),  # of the following columns
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("component", sa.Text),
    sa.Column("schema", sa.Text),
    sa.Column("output", sa.Boolean, nullable=False),
    sa.Column("optional", sa.Boolean, nullable=False),
    sa.Column("retain", sa.String(20)),  # none, until_success, or seconds after the run's end; NULL: forever
    sa.Column("aliases", sa.JSON(none_as_null=True)),
    sa.Column("inputs", sa.JSON(none_as_null=True)),  # artifact ids, in order
)

overviews = sa.Table(  # counts that describe messages, interned
    "overviews",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", Digest, nullable=False, unique=True),  # of the overview
    sa.Column("overview", sa.JSON, nullable=False),
)

artifacts = sa.Table(  # one row per run; what many runs have in common is in artifact_declarations
    "artifacts",
    metadata,
    sa.Column("run_number", sa.Integer, sa.ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True),
    sa.Column("artifact_id", sa.Text, primary_key=True),
    sa.Column("declaration_id", sa.Integer, sa.ForeignKey("artifact_declarations.id"), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("save_order", sa.Integer),  # order of first save within the run
    sa.Column("snapshot_seq", sa.Integer),  # its snapshot in its finding stream
    sa.Column("started_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("digest", Digest, sa.ForeignKey("blobs.digest")),
    sa.Column("overview_id", sa.Integer, sa.ForeignKey("overviews.id")),
    sa.Column("message_id", EscapedText),
    sa.Column("message_context", sa.JSON(none_as_null=True)),
    sa.Column("skip_reason", sa.String(20)),
    sa.Column("skipped_because", sa.Text),
    sa.Column("error", EscapedText),
    sa.Column("pruned_at", UtcDateTime),  # when its content was deleted
    sa.Column("pruned_because", EscapedText),
    sa.CheckConstraint("status IN ('pending', 'running', 'succeeded', 'failed', 'skipped')", name="status_known"),
    sa.CheckConstraint("(status = 'succeeded') = (digest IS NOT NULL)", name="succeeded_has_message"),
    sa.Index(  # of a whole digest it would be more than twice as large
        "ix_artifacts_digest_prefix",
        sa.text("substr(digest, 1, 3)"),
        sqlite_where=sa.text("digest IS NOT NULL"),
        postgresql_where=sa.text("digest IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

artifact_attempts = sa.Table(  # failed attempts
    "artifact_attempts",
    metadata,
    sa.Column("run_id", sa.String(36), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("artifact_id", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime, nullable=False),
    sa.Column("error", EscapedText, nullable=False),
    sqlite_with_rowid=False,
)
