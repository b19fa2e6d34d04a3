"""Whatever a user can write or read is described: keys, properties, settings, options, columns, errors."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib.metadata import entry_points
from typing import Any

import click
import pytest
from pydantic import BaseModel

import waivern
from tests.docs.pages import names_in_first_cells, rows_of, section_of, text_of
from waivern.analysers.gdpr.properties import ClassifierProperties
from waivern.analysers.indicators.properties import IndicatorProperties
from waivern.analysers.source_code.properties import SourceCodeProperties
from waivern.cli.shell.main import COMMANDS, LazyGroup
from waivern.cli.shell.main import waivern as command_line
from waivern.components.registry import ANALYSERS
from waivern.connectors.filesystem.properties import FilesystemProperties
from waivern.connectors.git.properties import GithubProperties, GitProperties
from waivern.connectors.mongodb.properties import MongodbProperties
from waivern.connectors.sql_database.properties import (
    MysqlProperties,
    PostgresProperties,
    SqlDatabaseProperties,
    SqliteProperties,
)
from waivern.database.schema.tables import metadata
from waivern.errors import WaivernError
from waivern.messages.not_scanned import ReasonCode
from waivern.runbooks.model.json_schema import runbook_json_schema
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason
from waivern.settings import Settings


def runbook_keys(schema: Mapping[str, Any]) -> set[str]:
    """Every key that the JSON Schema of a runbook gives a meaning."""
    parts = [schema, *schema["$defs"].values()]
    return {key for part in parts for key in part.get("properties", {})}


@pytest.mark.parametrize("key", sorted(runbook_keys(runbook_json_schema())))
def test_every_runbook_key_is_documented(key: str) -> None:
    assert key in names_in_first_cells(text_of("docs/runbooks.md")) or f"`{key}`" in text_of("docs/runbooks.md")


def test_no_unknown_runbook_key_is_documented() -> None:
    described = set(names_in_first_cells(text_of("docs/runbooks.md")))
    belong_to = {"child_runbook", "inputs", "outputs"}
    assert described - belong_to <= runbook_keys(runbook_json_schema())


@pytest.mark.parametrize("page", ["README.md", "docs/settings.md"])
def test_the_settings_are_documented_with_defaults(page: str) -> None:
    described = {row[0].strip("`"): row[1].strip("`") for row in rows_of(section_of(page, "Settings")) if len(row) == 3}
    assert described == {f"WAIVERN_{field.name.upper()}": as_written(field.default) for field in fields(Settings)}


def as_written(default: Any) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)


PROPERTIES = [
    ("docs/connectors.md", "`filesystem`", FilesystemProperties),
    ("docs/connectors.md", "`git`", GitProperties),
    ("docs/connectors.md", "`github`", GithubProperties),
    ("docs/connectors.md", "`sqlite`", SqliteProperties),
    ("docs/connectors.md", "`sql_database`", SqlDatabaseProperties),
    ("docs/connectors.md", "`mysql`", MysqlProperties),
    ("docs/connectors.md", "`postgres`", PostgresProperties),
    ("docs/connectors.md", "`mongodb`", MongodbProperties),
    ("docs/analysers.md", "`personal_data`", IndicatorProperties),
    ("docs/analysers.md", "The GDPR classifiers", ClassifierProperties),
    ("docs/analysers.md", "`source_code_analyser`", SourceCodeProperties),
]


@pytest.mark.parametrize(("page", "title", "model"), PROPERTIES, ids=[model.__name__ for _, _, model in PROPERTIES])
def test_component_properties_are_documented_with_defaults(page: str, title: str, model: type[BaseModel]) -> None:
    table = section_of(page, title).split("\n\n")
    described = {
        name: row[1]
        for row in rows_of(next(line for line in table if line.startswith("| property")))
        for name in re.findall(r"`([^`]+)`", row[0])
    }
    real = dict(properties_of(model))
    assert set(described) == set(real)
    for name, default in real.items():
        assert means(described[name], default), f"{name}: {described[name]} is described, {default!r} is meant"


def test_every_reason_code_is_documented() -> None:
    described = {row[0].strip("`") for row in rows_of(section_of("docs/connectors.md", "Not scanned")) if len(row) == 2}
    assert described - {"code"} == set(ReasonCode)


@pytest.mark.parametrize("name", sorted({entry_point.name for entry_point in entry_points(group=ANALYSERS)}))
def test_every_analyser_is_documented(name: str) -> None:
    assert f"`{name}`" in text_of("docs/analysers.md")


def properties_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from properties_of(type(field.default), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", ... if field.is_required() else field.default


def means(described: str, default: Any) -> bool:
    if default is ... or described == "one is required":
        return "required" in described
    if default is None or default == ():
        return described == "none"
    sizes = {"10 MB": 10**7, "100 MB": 100 * 10**6, "1 GB": 10**9}
    return described.strip("`") in (str(default), str(default).lower()) or sizes.get(described) == default


def every_command(
    command: click.Command = command_line, path: tuple[str, ...] = ("waivern",)
) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from every_command(below, (*path, name))


@pytest.mark.parametrize(("path", "command"), [pytest.param(*command, id=command[0]) for command in every_command()])
def test_every_command_and_option_is_documented(path: str, command: click.Command) -> None:
    page = text_of("docs/command-line.md")
    assert path in page
    for option in command.params:
        for name in option.opts if isinstance(option, click.Option) else ():
            assert f"`{name}`" in page or f"`{name} " in page, f"{path} {name}"


def test_help_lists_the_settings_with_their_defaults() -> None:
    assert isinstance(command_line, LazyGroup)
    assert set(COMMANDS) == set(command_line.list_commands(click.Context(command_line)))
    for name, default in ((f"WAIVERN_{field.name.upper()}", field.default) for field in fields(Settings)):
        assert re.search(rf"{name} .*\[{re.escape(as_written(default))}\]", command_line.epilog or ""), name


@pytest.mark.parametrize("table", metadata.tables)
def test_every_table_and_column_is_documented(table: str) -> None:
    title = next(line[4:] for line in text_of("docs/database.md").splitlines() if line.startswith(f"### `{table}`"))
    described = names_in_first_cells(section_of("docs/database.md", title))
    assert set(described) == set(metadata.tables[table].columns.keys())


@pytest.mark.parametrize("word", [status.value for kind in (RunStatus, ArtifactStatus, SkipReason) for status in kind])
def test_every_status_and_reason_is_documented(word: str) -> None:
    assert f"`{word}`" in text_of("docs/database.md")
    assert f"`{word}`" in text_of("docs/command-line.md")


def test_every_public_error_is_documented_with_its_exit_code() -> None:
    public = {
        name: getattr(waivern, name)
        for name in waivern.__all__  # type: ignore[attr-defined]  # the stub tells type checkers less
        if inspect.isclass(getattr(waivern, name)) and issubclass(getattr(waivern, name), WaivernError)
    }
    table = rows_of(section_of("docs/errors.md", "Error classes"))
    assert {row[0].strip("`"): row[1] for row in table} == {
        name: str(error.exit_code) for name, error in public.items()
    }
