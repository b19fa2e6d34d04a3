"""What a runbook may say to the connector `mongodb`."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from waivern.connectors.mongodb.addresses import Server, at_host, at_uri, database_in, fault_of


def _uri(uri: SecretStr) -> SecretStr:
    fault = fault_of(uri.get_secret_value())
    if fault is not None:
        raise ValueError(fault)
    return uri


def _database(name: str) -> str:
    if any(sign in name for sign in '/\\. "$\0') or not name:
        raise ValueError("is no name of a database")
    return name


class MongodbProperties(BaseModel):
    """The properties of `mongodb`: where the database is, and how much of it is read.

    Patterns are those of a shell (`*`, `?`, `[a-z]`), with upper and lower case as they are.

    Args:
        uri: The server's address; or else `host` and what goes with it.
        database: Which database is read; none: the one that `uri` names.
        auth_source: The database that knows the user of `user`.
        include_collections: Only collections that one of these means; none: all.
        exclude_collections: Not the collections that one of these means, though included.
        exclude_fields: Fields that are not read, by "path.of.keys" or "collection.path.of.keys".
        sample_size: A larger collection is read as a random sample of as many documents.
        seed: Decides the sample; the same data and seed give the same documents.
        max_value_size: A longer value is read up to here. Characters.
        connect_timeout: How long to wait for the server, in seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: Annotated[SecretStr, AfterValidator(_uri)] | None = None
    host: str | None = Field(default=None, min_length=1)
    port: int = Field(default=27017, ge=1, le=65535)
    user: str | None = None
    password: SecretStr | None = None
    auth_source: str = Field(default="admin", min_length=1)
    database: Annotated[str, AfterValidator(_database)] | None = None
    include_collections: tuple[str, ...] = ()
    exclude_collections: tuple[str, ...] = ()
    exclude_fields: tuple[str, ...] = ()
    sample_size: int = Field(default=1000, ge=1)
    seed: int = 0
    max_value_size: int = Field(default=1_000_000, ge=1)
    connect_timeout: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if (self.uri is None) == (self.host is None):
            raise ValueError("say where the server is with exactly one of `uri` and `host`")
        if not self.name:
            raise ValueError("say which database is read with `database`, or in `uri`")
        return self

    @property
    def name(self) -> str:
        """The database's name; "" where nothing says it."""
        return self.database or (database_in(self.uri.get_secret_value()) if self.uri else None) or ""

    @property
    def server(self) -> Server:
        if self.uri is not None:
            return at_uri(self.uri.get_secret_value())
        password = self.password.get_secret_value() if self.password is not None else None
        return at_host(self.host or "", self.port, self.user, password, self.auth_source)
