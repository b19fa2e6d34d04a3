"""The connectors `sql_database`, `sqlite`, `mysql` and `postgres`: the rows of a database's tables."""

from typing import Any

import sqlalchemy as sa

from waivern.components.connector import Connector
from waivern.components.outputs import check_makes
from waivern.connectors.sql_database.opening import Database, reading, reason
from waivern.connectors.sql_database.reading import HowMuch, Item, ReadTable, read_table
from waivern.connectors.sql_database.tables import Selection, TableName, shape_of, tables_in
from waivern.messages.message import Message
from waivern.messages.not_scanned import NotScanned, ReasonCode
from waivern.messages.packed import PackedItems, PackedMessage
from waivern.messages.sampled import sampled
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")


class SqlDatabaseConnector(Connector):
    """Reads tables in one read-only transaction; one item of the message is one value of one row.

    An item's metadata has `table`, `column` and `row`: the row's key where that is made of integers or UUIDs ("17",
    "3/9"; on SQLite its rowid), else its place in the table, such as "#17", as a key may be an e-mail address. A
    column without any value has one item with no text and no `row`. `metadata.tables` describes every table that was
    read: [{table, columns [{name, type}], rows, sampled}]. `metadata.sampled` says of which tables only some rows
    were read and what that may have missed, and `metadata.not_scanned` what was left out: tables, columns, binary
    values, the rest of long ones.
    """

    def __init__(self, database: Database, selection: Selection, how_much: HowMuch) -> None:
        self._database = database
        self._selection = selection
        self._how_much = how_much

    @classmethod
    def get_name(cls) -> str:
        return "sql_database"

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [STANDARD_INPUT]

    def extract(self, output_schema: Schema) -> Message:
        check_makes(self, output_schema)
        found, items = reading(self._database, self._read)
        read = [each for each in found if isinstance(each, ReadTable)]
        left_out = [each for each in found if isinstance(each, NotScanned)]
        left_out += [each for table in read for each in table.left_out]
        around = {
            "schemaVersion": "1.0.0",
            "name": "Database",
            "source": self._database.source,
            "metadata": {
                "scanned": len(read),
                "not_scanned": [each.as_json() for each in left_out],
                "sampled": [_share(each) for each in read if each.read < each.of],
                "tables": [_description(each) for each in read],
            },
        }
        return PackedMessage(self.get_name(), around, "data", items, STANDARD_INPUT)

    def _read(self, connection: sa.Connection) -> tuple[list[ReadTable | NotScanned], PackedItems]:
        found, items = list(tables_in(connection, self._selection)), PackedItems()
        return [
            each if isinstance(each, NotScanned) else self._read_one(connection, each, items) for each in found
        ], items

    def _read_one(self, connection: sa.Connection, name: TableName, items: PackedItems) -> ReadTable | NotScanned:
        """A table that cannot be read takes no other one down: on Postgres a savepoint keeps the transaction usable."""
        try:
            with connection.begin_nested():
                return read_table(connection, shape_of(connection, name), self._how_much, self._item, items)
        except sa.exc.SQLAlchemyError as error:
            if connection.invalidated:
                raise
            return NotScanned(name.shown, f"cannot be read: {reason(error, self._database)}", ReasonCode.UNREADABLE)

    def _item(self, text: str, *, table: str, column: str, row: str | None) -> Item:
        metadata: dict[str, Any] = {
            "source": self._database.source,
            "connector_type": self.get_name(),
            "table": table,
            "column": column,
        }
        if row is not None:
            metadata["row"] = row
        return {"content": text, "metadata": metadata}


class SqliteConnector(SqlDatabaseConnector):
    """Reads the tables of a SQLite file."""

    @classmethod
    def get_name(cls) -> str:
        return "sqlite"


class MysqlConnector(SqlDatabaseConnector):
    """Reads the tables of one database of a MySQL or MariaDB server."""

    @classmethod
    def get_name(cls) -> str:
        return "mysql"


class PostgresConnector(SqlDatabaseConnector):
    """Reads the tables of one database of a Postgres server."""

    @classmethod
    def get_name(cls) -> str:
        return "postgres"


def _share(read: ReadTable) -> dict[str, Any]:
    return sampled(read.table.name.shown, read=read.read, total=read.of)


def _description(read: ReadTable) -> dict[str, Any]:
    return {
        "table": read.table.name.shown,
        "columns": [{"name": column.name, "type": column.type} for column in read.table.columns],
        "rows": read.of,
        "sampled": read.read,
    }
