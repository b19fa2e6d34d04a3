"""The tables of findings and of decisions about them."""

import sqlalchemy as sa

from waivern.database.connection.column_types import Digest, EscapedText, UtcDateTime
from waivern.database.schema.metadata import metadata

finding_streams = sa.Table(
    "finding_streams",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("runbook_name", EscapedText, nullable=False),
    sa.Column("artifact_id", sa.Text, nullable=False),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.Column("staged_by", sa.String(60)),  # the run and epoch that writes the rows of the next snapshot
    sa.UniqueConstraint("runbook_name", "artifact_id"),
)

finding_snapshots = sa.Table(
    "finding_snapshots",
    metadata,
    sa.Column("stream_id", sa.Integer, sa.ForeignKey("finding_streams.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("digest", Digest, nullable=False),
    sa.Column("ruleset", EscapedText),
    sa.Column("rules_version", EscapedText),
    sa.Column("coverage_gaps", sa.JSON, nullable=False),  # what was not scanned, or only partially
    sa.Column("first_run_id", sa.String(36), nullable=False),
    sa.Column("first_at", UtcDateTime, nullable=False),
    sa.Column("last_run_id", sa.String(36), nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    sa.Column("rows_digest", Digest, nullable=False),  # of the changes, chained to the snapshot before
    sa.Index(None, "stream_id", "digest"),
    sqlite_with_rowid=False,
)

findings = sa.Table(
    "findings",
    metadata,
    sa.Column("stream_id", sa.Integer, sa.ForeignKey("finding_streams.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("fingerprint", EscapedText, primary_key=True),
    sa.Column("valid_from", sa.Integer, primary_key=True),  # the first snapshot with these values
    sa.Column("valid_to", sa.Integer),  # the last one; NULL: the newest
    sa.Column("rule", EscapedText, nullable=False),
    sa.Column("category", EscapedText, nullable=False),
    sa.Column("severity", sa.String(10), nullable=False),
    sa.Column("special_category", sa.Boolean),  # set by a classifier
    sa.Column("source", EscapedText, nullable=False),
    sa.Column("location", EscapedText, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("match_count", sa.Integer, nullable=False),
    sa.Index(None, "stream_id", "valid_to"),
    sa.Index(None, "fingerprint"),
    sqlite_with_rowid=False,
)

decisions = sa.Table(  # rows are only added
    "decisions",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("runbook_name", EscapedText),  # NULL: all runbooks
    sa.Column("fingerprint", EscapedText),
    sa.Column("rule", EscapedText),
    sa.Column("location", EscapedText),
    sa.Column("verdict", sa.String(10), nullable=False),
    sa.Column("reason", EscapedText, nullable=False),
    sa.Column("owner", EscapedText, nullable=False),
    sa.Column("until", sa.Date),
    sa.Column("origin", sa.String(10), nullable=False),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sa.Column("decided_by", EscapedText, nullable=False),
    sa.CheckConstraint("verdict IN ('suppressed', 'accepted', 'reopened')", name="verdict_known"),
    sa.CheckConstraint(
        "(fingerprint IS NULL) = (rule IS NOT NULL) AND (rule IS NULL) = (location IS NULL)", name="about_one_thing"
    ),
    sa.Index(None, "fingerprint"),
)

decision_files = sa.Table(  # one row whenever a runbook's file changed
    "decision_files",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("runbook_name", EscapedText, nullable=False),
    sa.Column("name", EscapedText),  # NULL: the file was removed
    sa.Column("digest", Digest),
    sa.Column("run_id", sa.String(36), nullable=False),
    sa.Column("used_at", UtcDateTime, nullable=False),
    sa.Index(None, "runbook_name", "seq"),
)

finding_state_cursors = sa.Table(  # the run up to which `current_findings` of a runbook is refreshed
    "finding_state_cursors",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("runbook_name", EscapedText, unique=True),  # NULL: its rows are being written, or were replaced
    sa.Column("run_id", sa.String(36)),
    sa.Column("run_at", UtcDateTime),
    sa.Column("snapshots", sa.JSON, nullable=False),  # {artifact id: [snapshot of the run, newest snapshot then]}
)

current_findings = sa.Table(
    "current_findings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("cursor_id", sa.Integer, sa.ForeignKey("finding_state_cursors.id", ondelete="CASCADE"), nullable=False),
    sa.Column("fingerprint", EscapedText, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),  # when it appeared, reappeared or was fixed
    sa.Column("rule", EscapedText, nullable=False),
    sa.Column("category", EscapedText, nullable=False),
    sa.Column("severity", sa.String(10), nullable=False),
    sa.Column("severity_rank", sa.SmallInteger, nullable=False),
    sa.Column("special_category", sa.Boolean),
    sa.Column("source", EscapedText, nullable=False),
    sa.Column("location", EscapedText, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("match_count", sa.Integer, nullable=False),
    sa.Column("first_run_id", sa.String(36), nullable=False),
    sa.Column("first_at", UtcDateTime, nullable=False),
    sa.Column("last_run_id", sa.String(36)),  # NULL: the cursor's run
    sa.Column("last_at", UtcDateTime),
    sa.Column("verdict", sa.String(10)),  # suppressed, accepted
    sa.Column("until", sa.Date),  # the last day on which the verdict is valid; after it, readers determine it again
    sa.UniqueConstraint("fingerprint", "cursor_id"),
    sa.CheckConstraint("state IN ('new', 'open', 'fixed', 'unknown')", name="state_known"),
    sa.Index(None, "since", "id"),
    # the trailing columns make these indexes covering: filters are answered without reading the rows
    sa.Index("ix_current_findings_by_cursor", *("cursor_id", "since", "id"), *("state", "severity_rank", "category")),
    sa.Index("ix_current_findings_by_category", *("category", "since", "id"), *("state", "severity_rank", "cursor_id")),
    sa.Index("ix_current_findings_by_severity", *("severity_rank", "since", "id"), *("state", "cursor_id", "category")),
    sa.Index(None, "state", "since", "id"),
    sa.Index(None, "rule", "cursor_id"),
    sa.Index(
        None,
        *("verdict", "since", "id"),
        sqlite_where=sa.text("verdict IS NOT NULL"),
        postgresql_where=sa.text("verdict IS NOT NULL"),
    ),
    sa.Index(None, "until", sqlite_where=sa.text("until IS NOT NULL"), postgresql_where=sa.text("until IS NOT NULL")),
    sa.Index(None, "location", postgresql_ops={"location": "text_pattern_ops"}),
)

finding_locations = sa.Table(  # all locations of findings, searched by location patterns
    "finding_locations",
    metadata,
    sa.Column("location", EscapedText, primary_key=True),
    sqlite_with_rowid=False,
)
