"""What makes the connectors `sql_database` and `sqlite`. Their classes are imported when they are asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waivern.components.factory import ComponentFactory, validated
from waivern.components.working_directory import anchored

if TYPE_CHECKING:
    from waivern.connectors.sql_database.connector import SqlDatabaseConnector, SqliteConnector
    from waivern.connectors.sql_database.properties import ReadingProperties
    from waivern.connectors.sql_database.reading import HowMuch


class SqlDatabaseConnectorFactory(ComponentFactory["SqlDatabaseConnector"]):
    """Makes connectors of any database that SQLAlchemy has a driver for."""

    @property
    def component_class(self) -> "type[SqlDatabaseConnector]":
        from waivern.connectors.sql_database.connector import SqlDatabaseConnector

        return SqlDatabaseConnector

    def create(self, properties: Mapping[str, Any]) -> "SqlDatabaseConnector":
        from waivern.connectors.sql_database.opening import Database
        from waivern.connectors.sql_database.properties import SqlDatabaseProperties
        from waivern.connectors.sql_database.tables import Selection
        from waivern.connectors.sql_database.urls import source_name, usable_url

        valid = validated(SqlDatabaseProperties, properties, component="sql_database")
        url = usable_url(valid.url.get_secret_value())
        file = anchored(url.database or "") if url.get_backend_name() == "sqlite" else None
        database = Database(url, source_name(url), file, valid.connect_timeout)
        selection = Selection(valid.schemas, valid.include_tables, valid.exclude_tables)
        return self.component_class(database, selection, _how_much(valid))


class SqliteConnectorFactory(ComponentFactory["SqliteConnector"]):
    """Makes connectors of SQLite files."""

    @property
    def component_class(self) -> "type[SqliteConnector]":
        from waivern.connectors.sql_database.connector import SqliteConnector

        return SqliteConnector

    def create(self, properties: Mapping[str, Any]) -> "SqliteConnector":
        import sqlalchemy as sa

        from waivern.connectors.sql_database.opening import Database
        from waivern.connectors.sql_database.properties import SqliteProperties
        from waivern.connectors.sql_database.tables import Selection

        valid = validated(SqliteProperties, properties, component="sqlite")
        database = Database(sa.make_url("sqlite://"), valid.file, anchored(valid.file))
        selection = Selection(include=valid.include_tables, exclude=valid.exclude_tables)
        return self.component_class(database, selection, _how_much(valid))


def _how_much(properties: "ReadingProperties") -> "HowMuch":
    from waivern.connectors.sql_database.reading import HowMuch

    return HowMuch(
        properties.max_rows_per_table, properties.seed, properties.max_value_size, properties.exclude_columns
    )
