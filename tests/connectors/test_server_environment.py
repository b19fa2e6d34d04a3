"""`mysql` and `postgres` read missing properties from the environment, and never show the password."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from waivern import ComponentRegistry, DAGExecutor, InMemoryArtifactStore, InvalidPropertiesError, Planner
from waivern.artifacts.store import ArtifactStore
from waivern.components.container import ExistingService, ServiceContainer, ServiceDescriptor
from waivern.connectors.sql_database.factory import MysqlConnectorFactory, PostgresConnectorFactory
from waivern.messages.schema import Schema
from waivern.runs.result import ExecutionResult

STANDARD_INPUT = Schema("standard_input", "1.0.0")
CANARY = "c4n4ry-p4ssw0rd"
ALL_NAMES = [f"{kind}_{what}" for kind in ("MYSQL", "POSTGRES") for what in ("HOST", "PORT", "USER", "PASSWORD")]
ALL_NAMES += ["MYSQL_DATABASE", "POSTGRES_DATABASE", "POSTGRES_DB", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD"]
ALL_NAMES += ["PGDATABASE"]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ALL_NAMES:
        monkeypatch.delenv(name, raising=False)


def where_it_is(url: str) -> dict[str, str]:
    """Return host, port, user and database of a Postgres URL as environment variables."""
    parts = sa.make_url(url)
    host = parts.host or parts.normalized_query["host"][0]
    return {
        "host": host,
        "port": str(parts.port or 5432),
        "user": parts.username or "",
        "database": parts.database or "",
    }


def fill(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE customers (email TEXT)")
        connection.exec_driver_sql(
            "INSERT INTO customers VALUES ('a@example.org'), ('the password is c4n4ry-p4ssw0rd')"
        )
    engine.dispose()


def carry_out(environment: Mapping[str, str], **properties: Any) -> tuple[frozenset[str], ExecutionResult]:
    container = ServiceContainer()
    container.register(ServiceDescriptor(ArtifactStore, ExistingService(InMemoryArtifactStore())))
    registry = ComponentRegistry(container)
    artifacts = {"customers": {"source": {"type": "postgres", "properties": properties}}}
    runbook = {"name": "n", "description": "d", "artifacts": artifacts}
    plan = Planner(registry, environment=environment).plan_from_dict(runbook)
    return plan.variables, asyncio.run(DAGExecutor(registry, environment=environment).execute(plan))


@pytest.mark.parametrize("names", [("POSTGRES_{}", "DATABASE"), ("POSTGRES_{}", "DB"), ("PG{}", "DATABASE")])
def test_missing_properties_are_read_from_the_environment_when_the_component_is_created(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
) -> None:
    fill(postgres_url)
    for what, value in where_it_is(postgres_url).items():
        monkeypatch.setenv(names[0].format(names[1] if what == "database" else what.upper()), value)
    content = PostgresConnectorFactory().create({"host": ""}).extract(STANDARD_INPUT).content
    assert content["data"][0]["content"] == "a@example.org"
    assert content["data"][0]["metadata"]["connector_type"] == "postgres"


def test_the_runbook_takes_precedence_over_the_environment(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(postgres_url)
    for name in ALL_NAMES:
        if not name.startswith("PG"):  # these also affect the test's own connections
            monkeypatch.setenv(name, "1")
    content = PostgresConnectorFactory().create(where_it_is(postgres_url)).extract(STANDARD_INPUT).content
    assert content["metadata"]["scanned"] == 1


def test_mysql_reads_its_own_variables(mariadb_url: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"HOST": mariadb_url.host, "PORT": mariadb_url.port, "USER": mariadb_url.username}
    given |= {"PASSWORD": mariadb_url.password, "DATABASE": mariadb_url.database}
    for what, value in given.items():
        monkeypatch.setenv(f"MYSQL_{what}", str(value))
    content = MysqlConnectorFactory().create({"max_rows_per_table": 10}).extract(STANDARD_INPUT).content
    assert content["source"] == f"127.0.0.1:{mariadb_url.port}/{mariadb_url.database}"


@pytest.mark.parametrize(
    ("factory", "kind"), [(MysqlConnectorFactory, "MYSQL"), (PostgresConnectorFactory, "POSTGRES")]
)
def test_a_missing_property_is_named_with_its_variable(factory: Any, kind: str) -> None:
    with pytest.raises(InvalidPropertiesError) as raised:
        factory().create({})
    assert raised.value.problems == {
        name: f"is required, here or as the environment variable {kind}_{name.upper()}"
        for name in ("host", "user", "database")
    }


def test_an_invalid_port_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYSQL_PORT", CANARY)
    with pytest.raises(InvalidPropertiesError) as raised:
        MysqlConnectorFactory().create({"host": "h", "user": "u", "database": "d"})
    assert set(raised.value.problems) == {"port"}
    assert CANARY not in str(raised.value)


def test_a_run_uses_its_own_environment_and_redacts_its_password(postgres_url: str) -> None:
    fill(postgres_url)
    where = where_it_is(postgres_url)
    environment = {f"POSTGRES_{what.upper()}": value for what, value in where.items()}
    variables, result = carry_out({**environment, "POSTGRES_PASSWORD": CANARY})
    message = result.artifacts["customers"].message
    assert message is not None
    assert variables == {"POSTGRES_PASSWORD"}
    texts = [item["content"] for item in message.content["data"]]
    assert texts == ["a@example.org", "the password is ${POSTGRES_PASSWORD}"]
    assert where["database"] in json.dumps(message.content)


def test_a_failed_run_shows_no_password(postgres_url: str) -> None:
    where = {**where_it_is(postgres_url), "database": "no_such_shop"}
    environment = {f"PG{what.upper()}": value for what, value in where.items()}
    _, result = carry_out({**environment, "PGPASSWORD": CANARY})
    error = result.artifacts["customers"].error or ""
    assert "no_such_shop" in error
    assert CANARY not in error
