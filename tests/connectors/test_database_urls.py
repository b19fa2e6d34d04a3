import pytest
import sqlalchemy as sa

from waivern.connectors.sql_database.factory import SqlDatabaseConnectorFactory, SqliteConnectorFactory
from waivern.connectors.sql_database.urls import parse_url, source_name, without_secrets
from waivern.errors import InvalidPropertiesError
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.runbooks.variables.redaction import Redactor

CANARY = "c4n4ry-p4ss"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("postgresql://db.example.org:5433/shop", "db.example.org:5433/shop"),
        (f"postgresql://app:{CANARY}@db.example.org:5433/shop", "db.example.org:5433/shop"),
        (f"postgresql+psycopg://app:{CANARY}@db.example.org:5433/shop?sslmode=prefer", "db.example.org:5433/shop"),
        (f"postgres://app:{CANARY}@/shop?host=/run/pg", "/run/pg/shop"),
        ("postgresql:///shop", "localhost/shop"),
        ("postgresql://[::1]:5433/shop", "[::1]:5433/shop"),
        ("postgresql://db.example.org", "db.example.org/"),
        ("sqlite:///data/shop.db", "data/shop.db"),
        ("sqlite+pysqlite:////srv/shop.db", "/srv/shop.db"),
    ],
)
def test_the_source_name_does_not_depend_on_user_password_driver_and_options(written: str, name: str) -> None:
    assert source_name(parse_url(written)) == name


def test_the_source_name_is_not_redacted_if_the_url_is_the_value_of_a_variable() -> None:
    url = "postgresql://db.example.org/shop"
    message = Message(id="shop", content={"source": source_name(parse_url(url))}, schema=Schema("any", "1.0.0"))
    assert Redactor({"SHOP_DB_URL": url}).message(message).content == {"source": "db.example.org/shop"}


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (f"nothing {CANARY}", "is not a valid database URL"),
        (f"postgresql://u:a:{CANARY}@host:{CANARY}/x", "is not a valid database URL"),
        (f"cobol://u:{CANARY}@host/x", "has no installed SQLAlchemy dialect: cobol"),
        (f"oracle+oracledb://u:{CANARY}@host/x", "pip install"),
        (f"postgresql+psycopg_async://u:{CANARY}@host/x", "asynchronous"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:x?mode=rw&uri=true", "always opened read-only"),
    ],
)
def test_an_invalid_url_is_a_property_error_without_the_password(url: str, fault: str) -> None:
    with pytest.raises(InvalidPropertiesError, match=fault) as raised:
        SqlDatabaseConnectorFactory().create({"url": url})
    assert set(raised.value.problems) == {"url"}
    assert CANARY not in str(raised.value)


def test_secrets_are_redacted_in_driver_messages() -> None:
    url = sa.make_url(f"postgresql://u:{CANARY}@host/db?sslpassword=other-s3cret")
    message = f"bad option {CANARY} and other-s3cret\nDETAIL: more"
    assert without_secrets(message, url) == "bad option *** and ***"


@pytest.mark.parametrize("properties", [{}, {"path": "a.db", "database_path": "b.db"}])
def test_a_sqlite_file_is_given_by_exactly_one_property(properties: dict[str, str]) -> None:
    with pytest.raises(InvalidPropertiesError, match="exactly one of"):
        SqliteConnectorFactory().create(properties)
