"""Where rows outside stored content may mention a person: every text and JSON column, none of which is erased."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from waivern.database.connection.column_types import EscapedText
from waivern.database.schema.tables import metadata

_READ_SIZE = 1000
_DERIVED_FROM_FINDINGS = ("current_findings", "finding_locations", "finding_state_cursors")
_DESCRIPTIONS: Mapping[str, str] = {
    "artifact_attempts": "artifact attempts",
    "artifact_declarations": "artifact declarations",
    "decision_files": "decision files",
    "finding_streams": "finding streams",
    "finding_snapshots": "finding snapshots",
    "imported_events": "imported events",
    "run_attempts": "run attempts",
    "run_gates": "run gates",
    "runbook_faults": "runbook faults",
}
"""How rows of a table are called, if not like the table."""


def text_in_json(text: str) -> str:
    """Return a text as it appears in JSON, without quotation marks and case-folded."""
    return msgspec.json.encode(text)[1:-1].decode().casefold()


def count_mentions(connection: sa.Connection, texts: Collection[str]) -> dict[str, int]:
    """Return how many rows contain one of the texts, ignoring case, by kind of row; reads every row once.

    The comparison is made here because databases ignore case in some scripts only.
    """
    wanted = tuple({form for text in texts for form in (text.casefold(), text_in_json(text))})
    counts = {kind: _count_rows(connection, columns, wanted) for kind, columns in text_columns()}
    return {kind: count for kind, count in counts.items() if count}


def text_columns() -> Iterator[tuple[str, Sequence["sa.Column[Any]"]]]:
    """Yield, by kind of row, the columns that may contain text from outside."""
    for table in sorted(metadata.tables.values(), key=lambda table: table.name):
        columns = [column for column in table.columns if isinstance(column.type, EscapedText | sa.Text | sa.JSON)]
        if columns and table.name not in _DERIVED_FROM_FINDINGS:
            yield _DESCRIPTIONS.get(table.name, table.name), columns


def _count_rows(connection: sa.Connection, columns: Sequence["sa.Column[Any]"], wanted: Sequence[str]) -> int:
    query = sa.select(*(sa.cast(column, sa.Text) for column in columns)).execution_options(yield_per=_READ_SIZE)
    return sum(any(_contains(value, wanted) for value in row) for row in connection.execute(query))


def _contains(value: str | None, wanted: Sequence[str]) -> bool:
    if value is None:
        return False
    text = value.casefold()
    return any(wanted_text in text for wanted_text in wanted)
