"""Verifying the database: each check reads in the order of a key, page by page, in one snapshot."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from waivern.database.schema.tables import events
from waivern.database.verification import blob_checks, chain_checks, finding_checks, run_checks
from waivern.database.verification import imported_checks as foreign_checks
from waivern.history.verification import Progress, Verification, Verifier


class SqlVerifier(Verifier):
    """Reads in one transaction that sees the database as it was when it began, and writes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def verify(self, *, run_id: str | None = None, progress: Progress) -> Verification:
        found = Verification()
        with _snapshot(self._engine) as connection:
            chain_checks.check_events(connection, found, progress)
            foreign_checks.check_foreign_events(connection, found, progress)
            run_checks.check_runs(connection, found, progress, run_id=run_id)
            run_checks.check_kept_once(connection, found, run_id=run_id)
            run_checks.check_runbooks(connection, found, progress, run_id=run_id)
            finding_checks.check_findings(connection, found, progress, run_id=run_id)
            blob_checks.check_blobs(connection, found, progress, run_id=run_id)
        return found

    def hash_at(self, seq: int) -> str | None:
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(events.c.hash).where(events.c.seq == seq))


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
        raw.text_factory = _any_bytes
        try:
            yield connection
        finally:
            raw.text_factory = str


def _any_bytes(text: bytes) -> str:
    """A text that damage made no UTF-8 is to be told, not to end the reading."""
    return text.decode("utf-8", "surrogateescape")
