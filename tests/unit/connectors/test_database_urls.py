import pytest
import sqlalchemy as sa

from waivern.connectors.sql_database.factory import SqlDatabaseConnectorFactory, SqliteConnectorFactory
from waivern.connectors.sql_database.urls import shown_url, usable_url, without_secrets
from waivern.errors import InvalidPropertiesError

CANARY = "c4n4ry-p4ss"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (f"postgresql://app:{CANARY}@db.example.org:5433/shop", "postgresql://db.example.org:5433/shop"),
        (f"postgres://app:{CANARY}@/shop?host=/run/pg", "postgresql:///shop"),
        ("sqlite:///data/shop.db", "sqlite:///data/shop.db"),
    ],
)
def test_a_url_is_shown_without_user_password_and_options(written: str, shown: str) -> None:
    assert shown_url(usable_url(written)) == shown


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (f"nothing {CANARY}", "is no database URL"),
        (f"postgresql://u:a:{CANARY}@host:{CANARY}/x", "is no database URL"),
        (f"cobol://u:{CANARY}@host/x", "is not installed: cobol"),
        (f"oracle+oracledb://u:{CANARY}@host/x", "pip install"),
        (f"postgresql+psycopg_async://u:{CANARY}@host/x", "asynchronous"),
        ("sqlite://", "names no SQLite file"),
        ("sqlite:///:memory:", "names no SQLite file"),
        ("sqlite:///file:x?mode=rw&uri=true", "read-only anyway"),
    ],
)
def test_a_url_that_cannot_be_used_is_a_property_error_without_the_password(url: str, fault: str) -> None:
    with pytest.raises(InvalidPropertiesError, match=fault) as raised:
        SqlDatabaseConnectorFactory().create({"url": url})
    assert set(raised.value.problems) == {"url"}
    assert CANARY not in str(raised.value)


def test_secrets_are_blotted_out_of_what_a_driver_says() -> None:
    url = sa.make_url(f"postgresql://u:{CANARY}@host/db?sslpassword=other-s3cret")
    said = f"bad option {CANARY} and other-s3cret\nDETAIL: more"
    assert without_secrets(said, url) == "bad option *** and ***"


@pytest.mark.parametrize("properties", [{}, {"path": "a.db", "database_path": "b.db"}])
def test_a_sqlite_file_is_named_exactly_once(properties: dict[str, str]) -> None:
    with pytest.raises(InvalidPropertiesError, match="exactly one of"):
        SqliteConnectorFactory().create(properties)
