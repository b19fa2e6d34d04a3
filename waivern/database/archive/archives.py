"""Bundles of runs, from and into the database."""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from waivern.database.archive.reader import restore_runs
from waivern.database.archive.writer import archive_runs
from waivern.history.archives import Archived, Archives, Restored


class SqlArchives(Archives):
    """Reads at one moment, and writes in one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def archive(self, run_ids: Sequence[str], path: Path, *, actor: str) -> Archived:
        return archive_runs(self._engine, run_ids, path, actor=actor)

    def restore(self, path: Path, *, actor: str) -> Restored:
        return restore_runs(self._engine, path, actor=actor)
