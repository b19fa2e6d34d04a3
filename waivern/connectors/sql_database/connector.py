"""The connectors `sql_database`, `sqlite`, `mysql` and `postgres`: rows of the tables of a database."""

from typing import Any

import sqlalchemy as sa

from waivern.components.connector import Connector
from waivern.components.outputs import check_output_schema
from waivern.connectors.sql_database.reading import Item, ReadLimits, ReadTable, read_table
from waivern.connectors.sql_database.tables import Selection, TableName, describe_table, tables_in
from waivern.connectors.sql_database.transactions import Database, error_reason, read_consistently
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.not_scanned import NotScanned, ReasonCode
from waivern.messages.sampled import sampled_entry
from waivern.messages.schema import STANDARD_INPUT, Schema


class SqlDatabaseConnector(Connector):
    """Reads tables in one read-only transaction; one item of the message is one value of one row.

    An item's metadata has `table`, `column` and `row`: the row's key if it has only integers and UUIDs ("17", "3/9";
    on SQLite the rowid), else its position in the table, such as "#17", because a key may be an e-mail address. A
    column without values has one item without text and without `row`. The message's metadata has `tables` (every
    table that was read: [{table, columns [{name, type}], rows, sampled}]), `sampled` (tables of which a sample was
    read, and what it may have missed) and `not_scanned` (tables, columns, binary values, the rest of long values).
    """

    def __init__(self, database: Database, selection: Selection, limits: ReadLimits) -> None:
        self._database = database
        self._selection = selection
        self._limits = limits

    @classmethod
    def get_name(cls) -> str:
        return "sql_database"

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [STANDARD_INPUT]

    def extract(self, output_schema: Schema) -> Message:
        check_output_schema(self, output_schema)
        found, items = read_consistently(self._database, self._read)
        read = [result for result in found if isinstance(result, ReadTable)]
        not_scanned = [result for result in found if isinstance(result, NotScanned)]
        not_scanned += [entry for table in read for entry in table.not_scanned]
        envelope = {
            "schemaVersion": "1.0.0",
            "name": "Database",
            "source": self._database.source,
            "metadata": {
                "scanned": len(read),
                "not_scanned": [entry.as_json() for entry in not_scanned],
                "sampled": [_share(table) for table in read if table.read < table.total],
                "tables": [_description(table) for table in read],
            },
        }
        return CompressedMessage(self.get_name(), envelope, "data", items, STANDARD_INPUT)

    def _read(self, connection: sa.Connection) -> tuple[list[ReadTable | NotScanned], CompressedItems]:
        found, items = list(tables_in(connection, self._selection)), CompressedItems()
        return [
            table if isinstance(table, NotScanned) else self._read_one(connection, table, items) for table in found
        ], items

    def _read_one(self, connection: sa.Connection, name: TableName, items: CompressedItems) -> ReadTable | NotScanned:
        """Read one table. If it cannot be read, the others are still read: a savepoint keeps the transaction usable."""
        try:
            with connection.begin_nested():
                return read_table(connection, describe_table(connection, name), self._limits, self._item, items)
        except sa.exc.SQLAlchemyError as error:
            if connection.invalidated:
                raise
            return NotScanned(
                name.shown, f"cannot be read: {error_reason(error, self._database)}", ReasonCode.UNREADABLE
            )

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
    return sampled_entry(read.table.name.shown, read=read.read, total=read.total)


def _description(read: ReadTable) -> dict[str, Any]:
    return {
        "table": read.table.name.shown,
        "columns": [{"name": column.name, "type": column.type} for column in read.table.columns],
        "rows": read.total,
        "sampled": read.read,
    }
