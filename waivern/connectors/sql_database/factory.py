"""The factories of the SQL connectors, which import the connector classes lazily."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waivern.components.environment import EnvironmentVariables, validated_with_variables
from waivern.components.factory import ComponentFactory, validated
from waivern.components.working_directory import resolve_path
from waivern.errors import InvalidPropertiesError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from waivern.connectors.sql_database.connector import (
        MysqlConnector,
        PostgresConnector,
        SqlDatabaseConnector,
        SqliteConnector,
    )
    from waivern.connectors.sql_database.properties import ReadingProperties, ServerProperties
    from waivern.connectors.sql_database.reading import ReadLimits

_MYSQL = {
    "host": EnvironmentVariables(("MYSQL_HOST",)),
    "port": EnvironmentVariables(("MYSQL_PORT",)),
    "user": EnvironmentVariables(("MYSQL_USER",)),
    "password": EnvironmentVariables(("MYSQL_PASSWORD",), are_secret=True),
    "database": EnvironmentVariables(("MYSQL_DATABASE",)),
}
_POSTGRES = {
    "host": EnvironmentVariables(("POSTGRES_HOST", "PGHOST")),
    "port": EnvironmentVariables(("POSTGRES_PORT", "PGPORT")),
    "user": EnvironmentVariables(("POSTGRES_USER", "PGUSER")),
    "password": EnvironmentVariables(("POSTGRES_PASSWORD", "PGPASSWORD"), are_secret=True),
    "database": EnvironmentVariables(("POSTGRES_DATABASE", "POSTGRES_DB", "PGDATABASE")),
}


class SqlDatabaseConnectorFactory(ComponentFactory["SqlDatabaseConnector"]):
    """Creates connectors for all databases that SQLAlchemy has a driver for."""

    @property
    def component_class(self) -> "type[SqlDatabaseConnector]":
        from waivern.connectors.sql_database.connector import SqlDatabaseConnector

        return SqlDatabaseConnector

    def create(self, properties: Mapping[str, Any]) -> "SqlDatabaseConnector":
        from waivern.connectors.sql_database.properties import SqlDatabaseProperties
        from waivern.connectors.sql_database.tables import Selection
        from waivern.connectors.sql_database.transactions import Database
        from waivern.connectors.sql_database.urls import parse_url, source_name

        valid = validated(SqlDatabaseProperties, properties, component="sql_database")
        url = parse_url(valid.url.get_secret_value())
        file = resolve_path(url.database or "") if url.get_backend_name() == "sqlite" else None
        database = Database(url, source_name(url), file, valid.connect_timeout)
        selection = Selection(valid.schemas, valid.include_tables, valid.exclude_tables)
        return self.component_class(database, selection, _read_limits(valid))


class SqliteConnectorFactory(ComponentFactory["SqliteConnector"]):
    """Creates connectors for SQLite files."""

    @property
    def component_class(self) -> "type[SqliteConnector]":
        from waivern.connectors.sql_database.connector import SqliteConnector

        return SqliteConnector

    def create(self, properties: Mapping[str, Any]) -> "SqliteConnector":
        import sqlalchemy as sa

        from waivern.connectors.sql_database.properties import SqliteProperties
        from waivern.connectors.sql_database.tables import Selection
        from waivern.connectors.sql_database.transactions import Database

        valid = validated(SqliteProperties, properties, component="sqlite")
        database = Database(sa.make_url("sqlite://"), valid.file, resolve_path(valid.file))
        selection = Selection(include=valid.include_tables, exclude=valid.exclude_tables)
        return self.component_class(database, selection, _read_limits(valid))


class MysqlConnectorFactory(ComponentFactory["MysqlConnector"]):
    """Creates connectors for MySQL and MariaDB servers."""

    @property
    def component_class(self) -> "type[MysqlConnector]":
        from waivern.connectors.sql_database.connector import MysqlConnector

        return MysqlConnector

    def create(self, properties: Mapping[str, Any]) -> "MysqlConnector":
        from waivern.connectors.sql_database.properties import MysqlProperties
        from waivern.connectors.sql_database.tables import Selection
        from waivern.connectors.sql_database.transactions import Database
        from waivern.connectors.sql_database.urls import source_name

        valid = validated_with_variables(MysqlProperties, properties, component="mysql", variables=_MYSQL)
        url = _url("mysql+pymysql", valid, component="mysql").update_query_dict({"charset": valid.charset})
        database = Database(url, source_name(url), connect_timeout_s=valid.connect_timeout)
        selection = Selection(include=valid.include_tables, exclude=valid.exclude_tables)
        return self.component_class(database, selection, _read_limits(valid))


class PostgresConnectorFactory(ComponentFactory["PostgresConnector"]):
    """Creates connectors for Postgres servers."""

    @property
    def component_class(self) -> "type[PostgresConnector]":
        from waivern.connectors.sql_database.connector import PostgresConnector

        return PostgresConnector

    def create(self, properties: Mapping[str, Any]) -> "PostgresConnector":
        from waivern.connectors.sql_database.properties import PostgresProperties
        from waivern.connectors.sql_database.tables import Selection
        from waivern.connectors.sql_database.transactions import Database
        from waivern.connectors.sql_database.urls import source_name

        valid = validated_with_variables(PostgresProperties, properties, component="postgres", variables=_POSTGRES)
        url = _url("postgresql+psycopg", valid, component="postgres")
        database = Database(url, source_name(url), connect_timeout_s=valid.connect_timeout)
        selection = Selection(valid.schemas, valid.include_tables, valid.exclude_tables)
        return self.component_class(database, selection, _read_limits(valid))


def _url(driver: str, server: "ServerProperties", *, component: str) -> "sa.URL":
    """Return the server's URL.

    Raises:
        InvalidPropertiesError: the driver is not installed.
    """
    import sqlalchemy as sa

    from waivern.connectors.sql_database.urls import check_driver

    password = server.password.get_secret_value() if server.password is not None else None
    url = sa.URL.create(driver, server.user, password, server.host, server.port, server.database)
    try:
        check_driver(url)
    except ValueError as error:
        raise InvalidPropertiesError(component, {"": str(error)}) from None
    return url


def _read_limits(properties: "ReadingProperties") -> "ReadLimits":
    from waivern.connectors.sql_database.reading import ReadLimits

    return ReadLimits(
        properties.max_rows_per_table, properties.seed, properties.max_value_size, properties.exclude_columns
    )
