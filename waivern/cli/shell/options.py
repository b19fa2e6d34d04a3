"""Options and decorators that several commands share."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from waivern.cli.shell.logs import log_to_standard_error
from waivern.errors import DatabaseMissingError
from waivern.runbooks.variables.watched_environment import WatchedEnvironment
from waivern.settings import DEFAULT_DATABASE_URL, Settings
from waivern.user_cache import use_cache_folder

Command = Callable[..., Any]
T = TypeVar("T")
AnyCommand = TypeVar("AnyCommand", bound=Command)

_DATABASE_URL = "waivern.database_url"
_LOG_FORMAT = "waivern.log_format"
_GIVEN = {_DATABASE_URL: "database_url", _LOG_FORMAT: "log_format"}


def current_settings() -> Settings:
    """Return the settings of the environment, overridden by the options of the command or its group."""
    meta = click.get_current_context().meta
    given = {field: meta[key] for key, field in _GIVEN.items() if meta.get(key)}
    return replace(Settings.from_environment(), **given)


def given_database() -> str | None:
    """Return the URL that was passed as `--db`, if any."""
    url: str | None = click.get_current_context().meta.get(_DATABASE_URL)
    return url


def database_option(command: AnyCommand) -> AnyCommand:
    """Add `--db URL`, which `current_settings` reads."""
    return click.option(
        "--db",
        metavar="URL",
        expose_value=False,
        callback=_remember_database,
        help="Database URL (overrides WAIVERN_DATABASE_URL).",
    )(command)


def log_format_option(command: AnyCommand) -> AnyCommand:
    """Add `--log-format`, which `current_settings` reads."""
    return click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        expose_value=False,
        callback=_remember_log_format,
        help="Log format (overrides WAIVERN_LOG_FORMAT).",
    )(command)


def pass_application(command: Command, *, may_create: bool = True) -> Command:
    """Pass the application as the first argument; its database is opened when it is first needed."""

    @functools.wraps(command)
    def with_application(*arguments: Any, **options: Any) -> Any:
        from waivern.bootstrap import build_application

        context = click.get_current_context()
        settings = current_settings()
        environment = context.find_object(WatchedEnvironment) or WatchedEnvironment()
        log_to_standard_error(settings.log_level, log_format=settings.log_format, redact=environment.redact)
        use_cache_folder(settings.cache_folder())
        application = build_application(settings, environment=environment, may_create=may_create)
        context.call_on_close(application.close)
        return command(application, *arguments, **options)

    return with_application


pass_existing = functools.partial(pass_application, may_create=False)
"""Like `pass_application`, but a missing SQLite file is an error instead of being created."""


def listed(ask: Callable[[], Sequence[T]]) -> Sequence[T]:
    """Return the result of a query; empty where the default database does not exist yet."""
    try:
        return ask()
    except DatabaseMissingError:
        if current_settings().database_url != DEFAULT_DATABASE_URL:
            raise
        return ()


def format_option(*formats: str) -> Callable[[AnyCommand], AnyCommand]:
    """Add `--format`; the first of `formats` is the default."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Output format.",
    )


def working_directory_option(command: AnyCommand, *, default: str = "the runbook's") -> AnyCommand:
    """Add `--working-dir DIR`; the help names the default."""
    return click.option(
        "--working-dir",
        "working_directory",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="DIR",
        help=f"Base directory for relative paths (default: {default}).",
    )(command)


def _remember_log_format(context: click.Context, _option: click.Parameter, log_format: str | None) -> None:
    if log_format:
        context.meta[_LOG_FORMAT] = log_format


def _remember_database(context: click.Context, option: click.Parameter, url: str | None) -> None:
    if url is not None and not url.strip():
        raise click.BadParameter("the URL is empty: is a variable unset?", context, option)
    if url:
        context.meta[_DATABASE_URL] = url
