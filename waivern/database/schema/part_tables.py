"""The tables of what part-wise analysers found in parts, so that an unchanged part is not analysed again."""

import sqlalchemy as sa

from waivern.database.connection.column_types import Digest
from waivern.database.schema.metadata import metadata

part_result_kinds = sa.Table(  # everything besides the part that a result depends on
    "part_result_kinds",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", Digest, nullable=False, unique=True),
)

part_results = sa.Table(  # a cache: it may be emptied at any time
    "part_results",
    metadata,
    sa.Column("part", Digest, primary_key=True),  # need not be stored any more, see gc_candidates.keeps_results
    sa.Column("kind_id", sa.Integer, sa.ForeignKey("part_result_kinds.id"), primary_key=True, autoincrement=False),
    sa.Column("used_on", sa.Date, nullable=False),  # at most a week before its last use
    sa.Column("checksum", sa.BigInteger, nullable=False),  # CRC-32 of the result
    sa.Column("key_id", sa.String(16)),  # the key-encryption key; NULL: not encrypted
    sa.Column("wrapped", sa.LargeBinary(60)),
    sa.Column("result", sa.LargeBinary, nullable=False),  # canonical JSON, as a zstd frame if that is smaller
    sa.Index(None, "used_on"),
    sqlite_with_rowid=False,
)
