"""The shipped connectors pass the contract, with real files and real databases."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.git_repositories import new_repository
from tests.servers.mariadb import as_properties
from tests.servers.mongodb import MongoDatabase
from tests.servers.s3 import S3Server
from waivern.components.connector import Connector
from waivern.components.factory import ComponentFactory
from waivern.connectors.filesystem.factory import FilesystemConnectorFactory
from waivern.connectors.git.factory import GitConnectorFactory, GithubConnectorFactory
from waivern.connectors.mongodb.factory import MongodbConnectorFactory
from waivern.connectors.sql_database.factory import (
    MysqlConnectorFactory,
    PostgresConnectorFactory,
    SqlDatabaseConnectorFactory,
    SqliteConnectorFactory,
)
from waivern.testing.connector_contract import ConnectorContract

BAD_READING = {"max_rows_per_table": 0, "seed": "often", "max_value_size": -1, "exclude_columns": "email"}


def fill(url: str) -> None:
    """Create a small table, one that is sampled, a view, binary data and a column without values."""
    engine = sa.create_engine(url)
    binary = "BYTEA" if engine.dialect.name == "postgresql" else "BLOB"
    key = "VARCHAR(20)" if engine.dialect.name == "mysql" else "TEXT"
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, fax TEXT, face {binary})"
        )
        connection.exec_driver_sql(f"CREATE TABLE visits (address {key} PRIMARY KEY)")
        connection.exec_driver_sql("CREATE VIEW people AS SELECT email FROM customers")
        customers = [{"id": n, "email": f"c{n}@example.org", "face": b"\x89\x00"} for n in range(1, 4)]
        connection.execute(sa.text("INSERT INTO customers (id, email, face) VALUES (:id, :email, :face)"), customers)
        visits = [{"address": f"192.0.2.{n}"} for n in range(40)]
        connection.execute(sa.text("INSERT INTO visits (address) VALUES (:address)"), visits)
    engine.dispose()


class TestFilesystemConnector(ConnectorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Connector]:
        return FilesystemConnectorFactory()

    @pytest.fixture
    def properties(self, tmp_path: Path) -> Mapping[str, Any]:
        (tmp_path / "letter.txt").write_text("Dear Ms Smith", encoding="utf-8")
        (tmp_path / "old.csv").write_bytes("Name;Straße\nMüller;Große Straße".encode("cp1252"))
        (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
        return {"path": str(tmp_path), "max_file_size": "1MB"}

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        bad = {"include_patterns": ["["], "exclude_patterns": "*.png", "max_files": 0, "max_file_size": "much"}
        bad |= {"encoding": "klingon", "errors": "explode"}
        return {"path": {}} | {name: {"path": ".", name: value} for name, value in bad.items()}


class TestFilesystemConnectorOnS3(ConnectorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Connector]:
        return FilesystemConnectorFactory()

    @pytest.fixture
    def properties(self, s3: S3Server) -> Mapping[str, Any]:
        s3.fill("shop", {"letters/1.txt": b"Dear Ms Smith", "letters/logo.png": b"\x89PNG\r\n\x1a\n\x00"})
        return {"path": "s3://shop/letters", "storage_options": s3.options()}

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        return {"path": {"path": "s5://shop"}, "storage_options": {"path": "s3://shop", "storage_options": "key"}}


BAD_REVISION = {"ref": "a..b", "subfolder": "..", "clone_strategy": "quick", "clone_timeout": 0, "max_files": 0}


class TestGitConnector(ConnectorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Connector]:
        return GitConnectorFactory()

    @pytest.fixture
    def properties(self, tmp_path: Path) -> Mapping[str, Any]:
        files = {"pay.py": "email = 'anna@example.org'", "logo.png": b"\x89PNG\r\n\x1a\n\x00"}
        return {"repository": str(new_repository(tmp_path / "shop", files))}

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        bad = {name: {"repository": "shop", name: value} for name, value in BAD_REVISION.items()}
        return bad | {"repository": {"repository": "ext::sh"}}


class TestGithubConnector(ConnectorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Connector]:
        return GithubConnectorFactory()

    @pytest.fixture
    def properties(self, tmp_path: Path) -> Mapping[str, Any]:
        new_repository(tmp_path / "anna" / "shop.git", {"pay.py": "email = 'anna@example.org'"})
        return {"repository": "anna/shop", "base_url": f"file://{tmp_path}"}

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        bad = BAD_REVISION | {"base_url": "github.example.org", "auth_method": "password"}
        return {name: {"repository": "anna/shop", name: value} for name, value in bad.items()} | {"repository": {}}


class TestMongodbConnector(ConnectorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Connector]:
        return MongodbConnectorFactory()

    @pytest.fixture
    def properties(self, mongo: MongoDatabase) -> Mapping[str, Any]:
        mongo.database["customers"].insert_one({"_id": 1, "email": "c1@example.org", "fax": None, "tags": []})
        mongo.database["visits"].insert_many([{"_id": number, "address": f"192.0.2.{number}"} for number in range(40)])
        return {"uri": mongo.uri, "database": mongo.name, "sample_size": 10}

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        bad = {
            "database": "a/b",
            "sample_size": 0,
            "seed": "often",
            "max_value_size": 0,
            "port": 0,
            "connect_timeout": 0,
        }
        bad |= {"uri": "http://localhost", "include_collections": "customers", "exclude_fields": "email"}
        good = {"host": "localhost", "database": "shop"}
        return {name: {**good, name: value} for name, value in bad.items()}


class TestSqliteConnector(ConnectorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Connector]:
        return SqliteConnectorFactory()

    @pytest.fixture
    def properties(self, tmp_path: Path) -> Mapping[str, Any]:
        fill(f"sqlite:///{tmp_path / 'shop.db'}")
        return {"database_path": str(tmp_path / "shop.db"), "max_rows_per_table": 10}

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        return {"": {}} | {name: {"path": "shop.db", name: value} for name, value in BAD_READING.items()}


class TestSqlDatabaseConnector(ConnectorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Connector]:
        return SqlDatabaseConnectorFactory()

    @pytest.fixture
    def properties(self, database_url: str) -> Mapping[str, Any]:
        fill(database_url)
        return {"url": database_url, "max_rows_per_table": 10}

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        bad = BAD_READING | {"schemas": "public", "connect_timeout": 0}
        return {"url": {"url": "postgresql://user:pass:word@host:port/shop"}} | {
            name: {"url": "sqlite:///shop.db", name: value} for name, value in bad.items()
        }


BAD_SERVER = BAD_READING | {"port": 0, "connect_timeout": 0, "host": ["a"]}


class TestMysqlConnector(ConnectorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Connector]:
        return MysqlConnectorFactory()

    @pytest.fixture
    def properties(self, mariadb_url: sa.URL) -> Mapping[str, Any]:
        fill(mariadb_url.render_as_string(hide_password=False))
        return {**as_properties(mariadb_url), "max_rows_per_table": 10}

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        good = {"host": "db.example.org", "user": "reader", "database": "shop"}
        return {name: {**good, name: value} for name, value in (BAD_SERVER | {"charset": "utf8; x"}).items()}


class TestPostgresConnector(ConnectorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Connector]:
        return PostgresConnectorFactory()

    @pytest.fixture
    def properties(self, postgres_url: str) -> Mapping[str, Any]:
        fill(postgres_url)
        url = sa.make_url(postgres_url)
        where = {"host": url.host or url.normalized_query["host"][0], "port": url.port or 5432}
        login = {"user": url.username, "password": url.password, "database": url.database}
        return {**where, **login, "max_rows_per_table": 10}

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        good = {"host": "db.example.org", "user": "reader", "database": "shop"}
        return {name: {**good, name: value} for name, value in (BAD_SERVER | {"schemas": "public"}).items()}
