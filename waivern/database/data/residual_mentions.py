"""Where a person may be named beside messages: every column that holds a text or JSON, none of which is erased."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from waivern.database.connection.column_types import EscapedText
from waivern.database.schema.tables import metadata

_AT_ONCE = 1000
_REPEATS_FINDINGS = ("current_findings", "finding_locations", "finding_state_cursors")
_IN_WORDS: Mapping[str, str] = {
    "artifact_attempts": "attempts at artifacts",
    "artifact_declarations": "declarations of artifacts",
    "decision_files": "files of decisions",
    "finding_streams": "names of artifacts with findings",
    "finding_snapshots": "sets of findings",
    "imported_events": "events of other chains",
    "notifications": "notices",
    "overviews": "overviews of messages",
    "run_attempts": "attempts at runs",
    "run_gates": "gates of runs",
}


def in_json(text: str) -> str:
    """Return a text as it stands in JSON, without the quotation marks around it, all in small letters."""
    return msgspec.json.encode(text)[1:-1].decode().casefold()


def rows_that_name(connection: sa.Connection, texts: Collection[str]) -> dict[str, int]:
    """Return how many rows hold one of the texts, in capitals or small, by what they are; reads every row once.

    No database tells small letters from capitals in every script, so that is done here.
    """
    wanted = tuple({form for text in texts for form in (text.casefold(), in_json(text))})
    found = {words: _number(connection, columns, wanted) for words, columns in columns_of_text()}
    return {words: number for words, number in found.items() if number}


def columns_of_text() -> Iterator[tuple[str, Sequence["sa.Column[Any]"]]]:
    """Yield the columns in which a text from outside may stand, by what their rows are in words."""
    for table in sorted(metadata.tables.values(), key=lambda table: table.name):
        columns = [each for each in table.columns if isinstance(each.type, EscapedText | sa.Text | sa.JSON)]
        if columns and table.name not in _REPEATS_FINDINGS:
            yield _IN_WORDS.get(table.name, table.name), columns


def _number(connection: sa.Connection, columns: Sequence["sa.Column[Any]"], wanted: Sequence[str]) -> int:
    texts = sa.select(*(sa.cast(each, sa.Text) for each in columns)).execution_options(yield_per=_AT_ONCE)
    return sum(any(_holds_one(value, wanted) for value in row) for row in connection.execute(texts))


def _holds_one(value: str | None, wanted: Sequence[str]) -> bool:
    if value is None:
        return False
    text = value.casefold()
    return any(each in text for each in wanted)
