"""What a runbook may say to the connectors `sql_database`, `sqlite`, `mysql` and `postgres`."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from waivern.connectors.sql_database.urls import usable_url


def _usable(url: SecretStr) -> SecretStr:
    usable_url(url.get_secret_value())
    return url


class ReadingProperties(BaseModel):
    """How much of a database is read.

    Patterns are those of a shell (`*`, `?`, `[a-z]`), with upper and lower case as they are.

    Args:
        include_tables: Only tables that one of these means, by "table" or "schema.table"; none: all.
        exclude_tables: Not the tables that one of these means, though included.
        exclude_columns: Columns that are not read, by "column", "table.column" or "schema.table.column"; their names
            and types are noted all the same.
        max_rows_per_table: A larger table is read as a random sample of as many rows.
        seed: Decides the sample; the same data and seed give the same rows.
        max_value_size: A longer value is read up to here. Characters.
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
        schemas: Which schemas are read; none: on Postgres all but the system's, elsewhere the URL's own.
        connect_timeout: How long to wait for a server, in seconds.
    """

    url: Annotated[SecretStr, AfterValidator(_usable)]
    schemas: tuple[str, ...] = ()
    connect_timeout: int = Field(default=10, ge=1)


class SqliteProperties(ReadingProperties):
    """The properties of `sqlite`: where the file is, under either name, and how much of it is read."""

    database_path: str | None = Field(default=None, min_length=1)
    path: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if (self.database_path is None) == (self.path is None):
            raise ValueError("say where the file is with exactly one of `database_path` and `path`")
        return self

    @property
    def file(self) -> str:
        return self.database_path or self.path or ""


class ServerProperties(ReadingProperties):
    """The properties that `mysql` and `postgres` share: where the server is, and how much of it is read.

    Args:
        password: None where the server asks for none.
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
        charset: What text crosses the connection in.
        autocommit: Has no effect; it is taken because runbooks for other scanners say it.
    """

    port: int = Field(default=3306, ge=1, le=65535)
    charset: str = Field(default="utf8mb4", pattern=r"^[a-z0-9]+$")
    autocommit: bool | None = None


class PostgresProperties(ServerProperties):
    """The properties of `postgres`.

    Args:
        host: A name, an address, or the folder of a socket.
        schemas: Which schemas are read; none: all but the system's.
    """

    port: int = Field(default=5432, ge=1, le=65535)
    schemas: tuple[str, ...] = ()
