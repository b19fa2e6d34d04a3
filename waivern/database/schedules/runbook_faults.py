"""The runbooks of followed folders that cannot be followed, as the newest sync of each folder found them."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.column_types import escape_text
from waivern.database.connection.engine import writing
from waivern.database.connection.inserts import insert_ignore
from waivern.database.schema.tables import runbook_faults
from waivern.schedules.schedule_store import RunbookFault

_ALL = sa.select(runbook_faults).order_by(runbook_faults.c.folder, runbook_faults.c.path)


def read_faults(engine: sa.Engine) -> Sequence[RunbookFault]:
    """Return the faults of all folders, by folder and path."""
    with engine.connect() as connection:
        return [RunbookFault(row.folder, row.path, row.reason, row.found_at) for row in connection.execute(_ALL)]


def replace_faults(engine: sa.Engine, folder: str, faults: Mapping[str, str]) -> None:
    """Replace the faults of a folder, {path: reason}; those that have not changed keep their time."""
    folder = escape_text(folder)
    wanted = {escape_text(path): escape_text(reason) for path, reason in faults.items()}
    stored = {fault.path: fault.reason for fault in read_faults(engine) if fault.folder == folder}
    if stored == wanted:  # as nearly always: then no write lock is taken
        return
    outdated = [path for path, reason in stored.items() if wanted.get(path) != reason]
    of_folder = runbook_faults.c.folder == folder
    with writing(engine) as connection:
        now = database_now(connection)
        for path in outdated:
            connection.execute(sa.delete(runbook_faults).where(of_folder, runbook_faults.c.path == path))
        rows = [
            {"folder": folder, "path": path, "reason": reason, "found_at": now}
            for path, reason in wanted.items()
            if stored.get(path) != reason
        ]
        if rows:
            connection.execute(insert_ignore(connection, runbook_faults), rows)
