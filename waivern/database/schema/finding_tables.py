"""The tables of findings and of what was decided about them."""

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
    sa.Column("rows_digest", Digest, nullable=False),  # of what is new and gone in it, chained to the set before
    sa.Index(None, "stream_id", "digest"),
    sqlite_with_rowid=False,
)

findings = sa.Table(
    "findings",
    metadata,
    sa.Column("stream_id", sa.Integer, sa.ForeignKey("finding_streams.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("fingerprint", EscapedText, primary_key=True),
    sa.Column("valid_from", sa.Integer, primary_key=True),  # the first of the sets that hold it as it is
    sa.Column("valid_to", sa.Integer),  # the last one; none: the newest
    sa.Column("rule", EscapedText, nullable=False),
    sa.Column("category", EscapedText, nullable=False),
    sa.Column("severity", sa.String(10), nullable=False),
    sa.Column("special_category", sa.Boolean),  # as a classifier says
    sa.Column("source", EscapedText, nullable=False),
    sa.Column("location", EscapedText, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("match_count", sa.Integer, nullable=False),
    sa.Index(None, "stream_id", "valid_to"),
    sa.Index(None, "fingerprint"),
    sqlite_with_rowid=False,
)

decisions = sa.Table(  # rows are only ever added
    "decisions",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("runbook_name", EscapedText),  # none: wherever the finding is found
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

decision_files = sa.Table(  # a row each time that it was another one
    "decision_files",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("runbook_name", EscapedText, nullable=False),
    sa.Column("name", EscapedText),  # none: from then on there was no file
    sa.Column("digest", Digest),
    sa.Column("run_id", sa.String(36), nullable=False),
    sa.Column("used_at", UtcDateTime, nullable=False),
    sa.Index(None, "runbook_name", "seq"),
)

finding_state_cursors = sa.Table(  # by which run the findings of a runbook stand as `current_findings` says
    "finding_state_cursors",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("runbook_name", EscapedText, nullable=False, unique=True),
    sa.Column("run_id", sa.String(36)),
    sa.Column("run_at", UtcDateTime),
    sa.Column("snapshots", sa.JSON, nullable=False),  # {artifact id: [which set the run holds, the newest set then]}
)

current_findings = sa.Table(
    "current_findings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("cursor_id", sa.Integer, sa.ForeignKey("finding_state_cursors.id", ondelete="CASCADE"), nullable=False),
    sa.Column("fingerprint", EscapedText, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),  # when it came, came again, or went
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
    sa.Column("last_run_id", sa.String(36)),  # none while the head's run holds it
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
    sa.Index(
        None,
        *("verdict", "since", "id"),
        sqlite_where=sa.text("verdict IS NOT NULL"),
        postgresql_where=sa.text("verdict IS NOT NULL"),
    ),
    sa.Index(None, "until", sqlite_where=sa.text("until IS NOT NULL"), postgresql_where=sa.text("until IS NOT NULL")),
    sa.Index(None, "location", postgresql_ops={"location": "text_pattern_ops"}),
)

finding_locations = sa.Table(  # where something was ever found: what a pattern means is looked up here
    "finding_locations",
    metadata,
    sa.Column("location", EscapedText, primary_key=True),
    sqlite_with_rowid=False,
)
