"""`waivern db`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from waivern.bootstrap import configured_engine
from waivern.cli.shell.groups import PatientGroup
from waivern.cli.shell.options import current_settings, database_option, format_option, pass_application
from waivern.cli.terminal.output import as_json, write
from waivern.errors import DatabaseError
from waivern.operations.application import Application

if TYPE_CHECKING:
    from waivern.database.connection.engine import Engine


@click.group(cls=PatientGroup, short_help="Manage the database.")
def db() -> None:
    """Look after the database that runs are kept in.

    A new SQLite file is made ready by itself. An older one, and any Postgres, asks for `waivern db upgrade`; make a
    backup first.
    """


@db.command(short_help="Bring the database up to this version of Waivern.")
@database_option
@pass_application
def upgrade(_application: Application) -> None:
    """Bring the database up to the revision that this version of Waivern works with.

    It happens whole or not at all, and any number of processes may ask for it at once.
    """
    from waivern.database.connection.engine import describe
    from waivern.database.schema.migration import current_revision
    from waivern.database.schema.migration import upgrade as migrate

    with _engine() as engine:
        before = current_revision(engine)
        after = migrate(engine)
        done = f"is at revision {after} already" if before == after else f"went from {before or 'none'} to {after}"
        write(f"The {describe(engine)} {done}")


@db.command(short_help="Say at which revision the database is.")
@database_option
@format_option("text", "json")
@pass_application
def current(_application: Application, form: str) -> None:
    """Say at which revision the database is, and at which this version of Waivern wants it."""
    from waivern.database.connection.engine import describe
    from waivern.database.schema.migration import NEWEST, current_revision

    with _engine(may_create=False) as engine:
        found = current_revision(engine)
        if form == "json":
            write(as_json({"revision": found, "newest": NEWEST, "up_to_date": found == NEWEST}))
        else:
            verdict = "up to date" if found == NEWEST else f"this version of Waivern needs {NEWEST}"
            write(f"The {describe(engine)} is at revision {found or 'none'}: {verdict}")


@db.command(short_help="Check that the database is as this version needs it.")
@database_option
@pass_application
def check(_application: Application) -> None:
    """Check that the database's tables are those that this version of Waivern needs; exits with 4 where not."""
    from waivern.database.connection.engine import describe
    from waivern.database.schema.migration import differences, ensure_usable

    with _engine(may_create=False) as engine:
        ensure_usable(engine)
        found = differences(engine)
        if found:
            listed = "".join(f"\n  - {difference}" for difference in found)
            raise DatabaseError(
                f"The tables of the {describe(engine)} are not those that this version needs:{listed}",
                remedy="Somebody changed them by hand; restore them, or a backup",
            )
        write(f"The {describe(engine)} is as this version of Waivern needs it")


@contextmanager
def _engine(*, may_create: bool = True) -> "Iterator[Engine]":
    engine = configured_engine(current_settings(), may_create=may_create)
    try:
        yield engine
    finally:
        engine.dispose()
