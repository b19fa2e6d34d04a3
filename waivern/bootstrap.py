"""Build the application from the settings: the only module that knows every concrete class."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from waivern.errors import UsageError
from waivern.operations.application import Application, Storage
from waivern.schedules.hook_commands import HookCommands
from waivern.settings import Settings

if TYPE_CHECKING:
    from waivern.database.connection.engine import Engine, Synchronous
    from waivern.database.connection.keyring import KeyRing


def build_application(
    settings: Settings,
    *,
    environment: Mapping[str, str] = os.environ,
    may_create: bool = True,
) -> Application:
    """Return the application; its database is opened when it is first needed.

    Args:
        settings: The settings.
        environment: Where `${NAME}` in a runbook is looked up.
        may_create: Whether a SQLite file may be created.
    """
    return Application(
        open_storage=lambda: _open_storage(settings, may_create=may_create),
        environment=environment,
        hook_commands=HookCommands.parse(settings.hook_commands),
        timeout_s=settings.timeout_s,
        service_timeout_s=settings.service_timeout_s,
    )


def configured_engine(settings: Settings | None = None, *, may_create: bool = True) -> "Engine":
    """Return an engine for the configured database, whatever its revision is."""
    from waivern.database.connection.engine import open_engine

    settings = settings or Settings.from_environment()
    synchronous: Synchronous = "NORMAL" if settings.sqlite_synchronous == "NORMAL" else "FULL"
    keys = _keys(settings)
    return open_engine(
        settings.database_url,
        synchronous=synchronous,
        may_create=may_create,
        keys=keys,
        lease_s=settings.lease_seconds,
    )


def new_encryption_key() -> str:
    """Return a new key for WAIVERN_ENCRYPTION_KEY."""
    from waivern.database.connection.keyring import new_key

    return new_key()


def _keys(settings: Settings) -> "KeyRing":
    from waivern.database.connection.keyring import read_keyring

    text, file = (
        None if value == "none" else value for value in (settings.encryption_key, settings.encryption_key_file)
    )
    if text is not None and file is not None:
        raise UsageError(
            "WAIVERN_ENCRYPTION_KEY and WAIVERN_ENCRYPTION_KEY_FILE are both set", remedy="Unset one of them"
        )
    return read_keyring(text=text, file=None if file is None else Path(file))


def _open_storage(settings: Settings, *, may_create: bool) -> Storage:
    """Open the database. Commands that need none, such as --help, do not import SQLAlchemy."""
    from waivern.database.storage import SqlStorage

    engine = configured_engine(settings, may_create=may_create)
    return SqlStorage(engine, lease_s=settings.lease_seconds)
