"""The properties of the `mongodb` connector."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from waivern.connectors.mongodb.addresses import Server, database_in, server_at_host, server_at_uri, uri_error


def _valid_uri(uri: SecretStr) -> SecretStr:
    error = uri_error(uri.get_secret_value())
    if error is not None:
        raise ValueError(error)
    return uri


def _valid_database(name: str) -> str:
    if any(char in name for char in '/\\. "$\0') or not name:
        raise ValueError("is not a valid name of a database")
    return name


class MongodbProperties(BaseModel):
    """The properties of `mongodb`: where the database is, and how much of it is read.

    Patterns are shell patterns (`*`, `?`, `[a-z]`); case matters.

    Args:
        uri: The server's URI, instead of `host` and the other single properties.
        database: The database to read; None: the one in `uri`.
        auth_source: The database that authenticates `user`.
        include_collections: Read only collections that match one of these; empty: all.
        exclude_collections: Do not read collections that match one of these, even if they are included.
        exclude_fields: Do not read these fields, by "path.of.keys" or "collection.path.of.keys".
        sample_size: Of a larger collection, read a random sample of this many documents.
        seed: Determines the sample: the same data and seed give the same documents.
        max_value_size: Longer values are cut. Characters.
        connect_timeout: How long to wait for the server, in seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: Annotated[SecretStr, AfterValidator(_valid_uri)] | None = None
    host: str | None = Field(default=None, min_length=1)
    port: int = Field(default=27017, ge=1, le=65535)
    user: str | None = None
    password: SecretStr | None = None
    auth_source: str = Field(default="admin", min_length=1)
    database: Annotated[str, AfterValidator(_valid_database)] | None = None
    include_collections: tuple[str, ...] = ()
    exclude_collections: tuple[str, ...] = ()
    exclude_fields: tuple[str, ...] = ()
    sample_size: int = Field(default=1000, ge=1)
    seed: int = 0
    max_value_size: int = Field(default=1_000_000, ge=1)
    connect_timeout: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _check_location(self) -> Self:
        if (self.uri is None) == (self.host is None):
            raise ValueError("set exactly one of `uri` and `host`")
        if not self.name:
            raise ValueError("name the database in `database` or in `uri`")
        return self

    @property
    def name(self) -> str:
        """The database's name; "" if neither property has one."""
        return self.database or (database_in(self.uri.get_secret_value()) if self.uri else None) or ""

    @property
    def server(self) -> Server:
        if self.uri is not None:
            return server_at_uri(self.uri.get_secret_value())
        password = self.password.get_secret_value() if self.password is not None else None
        return server_at_host(self.host or "", self.port, self.user, password, self.auth_source)
