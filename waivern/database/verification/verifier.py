"""Verify the whole database in one snapshot; each check reads its rows in key order, page by page."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from waivern.database.events.recorded_changes import RecordedChanges
from waivern.database.verification import (
    blob_checks,
    chain_checks,
    finding_checks,
    imported_checks,
    recorded_checks,
    run_checks,
    type_checks,
)
from waivern.errors import MessageError
from waivern.history.verification import Progress, Verification

_WRONG_TYPES = (TypeError, ValueError, KeyError, AttributeError, OverflowError, MessageError, sa.exc.SQLAlchemyError)
"""What comparing values of wrong types may raise."""


def verify(engine: sa.Engine, *, run_id: str | None, progress: Progress) -> Verification:
    """Recompute every hash, digest and root, or those of one run and the chain; writes nothing."""
    with _snapshot(engine) as connection:
        return verify_in(connection, run_id=run_id, progress=progress)


def verify_in(connection: sa.Connection, *, run_id: str | None, progress: Progress) -> Verification:
    """Verify what a transaction sees."""
    result, recorded, imported = Verification(), RecordedChanges(), RecordedChanges()
    type_checks.check_types(connection, result)
    is_readable = result.is_intact
    try:
        is_truncated = chain_checks.check_events(connection, result, progress, recorded)
        imported_checks.check_imported_events(connection, result, progress, imported)
        if is_truncated:
            return result
        run_checks.check_runs(connection, result, progress, run_id=run_id)
        run_checks.check_interned_rows(connection, result, run_id=run_id)
        run_checks.check_runbooks(connection, result, progress, run_id=run_id)
        finding_checks.check_findings(connection, result, progress, run_id=run_id)
        blob_checks.check_blobs(connection, result, progress, run_id=run_id)
        recorded_checks.check_recorded_changes(connection, result, recorded, imported, run_id=run_id)
    except _WRONG_TYPES:
        if is_readable:
            raise
        # the values of wrong types are reported; what cannot be compared because of them is not
    return result


@contextmanager
def _snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with engine.connect().execution_options(**options) as connection:
            yield connection
        return
    with engine.connect() as connection, tolerant_texts(connection):
        yield connection


@contextmanager
def tolerant_texts(connection: sa.Connection) -> Iterator[None]:
    """Let SQLite return texts that are not valid UTF-8, which only tampering produces: they must be reported."""
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.text_factory = _tolerant_text
    try:
        yield
    finally:
        raw.text_factory = str


def _tolerant_text(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
