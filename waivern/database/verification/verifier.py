"""Verify the whole database in one snapshot; each check reads its rows in key order, page by page."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from waivern.database.verification import blob_checks, chain_checks, finding_checks, imported_checks, run_checks
from waivern.history.verification import Progress, Verification


def verify(engine: sa.Engine, *, run_id: str | None, progress: Progress) -> Verification:
    """Recompute every hash, digest and root, or those of one run and the chain; writes nothing."""
    result = Verification()
    with _snapshot(engine) as connection:
        chain_checks.check_events(connection, result, progress)
        imported_checks.check_imported_events(connection, result, progress)
        run_checks.check_runs(connection, result, progress, run_id=run_id)
        run_checks.check_interned_rows(connection, result, run_id=run_id)
        run_checks.check_runbooks(connection, result, progress, run_id=run_id)
        finding_checks.check_findings(connection, result, progress, run_id=run_id)
        blob_checks.check_blobs(connection, result, progress, run_id=run_id)
    return result


@contextmanager
def _snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with engine.connect().execution_options(**options) as connection:
            yield connection
        return
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.text_factory = _tolerant_text
        try:
            yield connection
        finally:
            raw.text_factory = str


def _tolerant_text(text: bytes) -> str:
    """Text that tampering made invalid UTF-8 must be reported as a mismatch, not end the verification."""
    return text.decode("utf-8", "surrogateescape")
