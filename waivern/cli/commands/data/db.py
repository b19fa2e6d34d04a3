"""`waivern db`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from waivern.bootstrap import configured_engine
from waivern.cli.shell.groups import SuggestingGroup
from waivern.cli.shell.options import current_settings, database_option, format_option, pass_application
from waivern.cli.terminal.output import as_json, write
from waivern.errors import DatabaseError
from waivern.operations.application import Application

if TYPE_CHECKING:
    from waivern.database.connection.engine import Engine


@click.group(cls=SuggestingGroup, short_help="Manage the database.")
def db() -> None:
    """Manage the database that stores runs.

    A new SQLite file gets its tables automatically. An older file, and any Postgres, needs `waivern db upgrade`; make a
    backup first.
    """


@db.command(short_help="Upgrade the database to this version.")
@database_option
@pass_application
def upgrade(_application: Application) -> None:
    """Upgrade the database to this version of Waivern.

    The upgrade is one transaction. Several processes may start it at the same time.
    """
    from waivern.database.connection.engine import describe
    from waivern.database.schema.migration import current_revision
    from waivern.database.schema.migration import upgrade as migrate

    with _engine() as engine:
        before = current_revision(engine)
        after = migrate(engine)
        outcome = (
            f"is already at revision {after}" if before == after else f"was upgraded from {before or 'none'} to {after}"
        )
        write(f"The {describe(engine)} {outcome}")


@db.command(short_help="Show the database's revision.")
@database_option
@format_option("text", "json")
@pass_application
def current(_application: Application, output_format: str) -> None:
    """Show the database's revision, and the one that is needed."""
    from waivern.database.connection.engine import describe
    from waivern.database.schema.migration import NEWEST, current_revision

    with _engine(may_create=False) as engine:
        revision = current_revision(engine)
        if output_format == "json":
            write(as_json({"revision": revision, "newest": NEWEST, "up_to_date": revision == NEWEST}))
        else:
            verdict = "up to date" if revision == NEWEST else f"this version of Waivern needs {NEWEST}"
            write(f"The {describe(engine)} is at revision {revision or 'none'}: {verdict}")


@db.command(short_help="Check that the tables are as expected.")
@database_option
@pass_application
def check(_application: Application) -> None:
    """Check that the tables are as this version expects.

    The exit code is 4 if they are not.
    """
    from waivern.database.connection.engine import describe
    from waivern.database.schema.migration import differences, ensure_usable

    with _engine(may_create=False) as engine:
        ensure_usable(engine)
        found = differences(engine)
        if found:
            listed = "".join(f"\n  - {difference}" for difference in found)
            raise DatabaseError(
                f"The tables of the {describe(engine)} are not what this version expects:{listed}",
                remedy="They were changed by hand; restore them, or a backup",
            )
        write(f"The {describe(engine)} is what this version of Waivern expects")


@contextmanager
def _engine(*, may_create: bool = True) -> "Iterator[Engine]":
    engine = configured_engine(current_settings(), may_create=may_create)
    try:
        yield engine
    finally:
        engine.dispose()
