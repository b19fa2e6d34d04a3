"""The properties of the connectors `sql_database`, `sqlite`, `mysql` and `postgres`."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from waivern.connectors.sql_database.urls import parse_url


def _valid_url(url: SecretStr) -> SecretStr:
    parse_url(url.get_secret_value())
    return url


class ReadingProperties(BaseModel):
    """How much of a database is read.

    Patterns are shell patterns (`*`, `?`, `[a-z]`); case matters.

    Args:
        include_tables: Read only tables that match one of these, by "table" or "schema.table"; empty: all.
        exclude_tables: Do not read tables that match one of these, even if they are included.
        exclude_columns: Do not read these columns, by "column", "table.column" or "schema.table.column"; their names
            and types are still recorded.
        max_rows_per_table: Of a larger table, read a random sample of this many rows.
        seed: Determines the sample: the same data and seed give the same rows.
        max_value_size: Longer values are cut. Characters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    include_tables: tuple[str, ...] = ()
    exclude_tables: tuple[str, ...] = ()
    exclude_columns: tuple[str, ...] = ()
    max_rows_per_table: int = Field(default=1000, ge=1)
    seed: int = 0
    max_value_size: int = Field(default=1_000_000, ge=1)


class SqlDatabaseProperties(ReadingProperties):
    """The properties of `sql_database`.

    Args:
        url: A SQLAlchemy URL.
        schemas: The schemas to read; empty: on Postgres all except the system's, elsewhere the URL's own.
        connect_timeout: How long to wait for a server, in seconds.
    """

    url: Annotated[SecretStr, AfterValidator(_valid_url)]
    schemas: tuple[str, ...] = ()
    connect_timeout: int = Field(default=10, ge=1)


class SqliteProperties(ReadingProperties):
    """The properties of `sqlite`: the file, under either name, and how much of it is read."""

    database_path: str | None = Field(default=None, min_length=1)
    path: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _check_path(self) -> Self:
        if (self.database_path is None) == (self.path is None):
            raise ValueError("set exactly one of `database_path` and `path`")
        return self

    @property
    def file(self) -> str:
        return self.database_path or self.path or ""


class ServerProperties(ReadingProperties):
    """The properties that `mysql` and `postgres` share: where the server is, and how much of it is read.

    Args:
        password: None if the server requires none.
        connect_timeout: How long to wait for the server, in seconds.
    """

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    user: str = Field(min_length=1)
    password: SecretStr | None = None
    database: str = Field(min_length=1)
    connect_timeout: int = Field(default=10, ge=1)


class MysqlProperties(ServerProperties):
    """The properties of `mysql`.

    Args:
        charset: The character set of the connection.
        autocommit: Has no effect; accepted because runbooks for other scanners set it.
    """

    port: int = Field(default=3306, ge=1, le=65535)
    charset: str = Field(default="utf8mb4", pattern=r"^[a-z0-9]+$")
    autocommit: bool | None = None


class PostgresProperties(ServerProperties):
    """The properties of `postgres`.

    Args:
        host: A host name, an address, or the folder of a socket.
        schemas: The schemas to read; empty: all except the system's.
    """

    port: int = Field(default=5432, ge=1, le=65535)
    schemas: tuple[str, ...] = ()
