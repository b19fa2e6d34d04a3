"""The retention port on a SQL database."""

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from waivern.caller import Caller
from waivern.database.connection import sqlite_file
from waivern.database.data import encryption, erasure, pruning, residual_mentions
from waivern.history.retention import (
    EncryptionStatus,
    ErasableContent,
    PruneRequest,
    PruneResult,
    Retention,
    RotationResult,
)


class SqlRetention(Retention):
    """Deletes and encrypts stored content, a few hundred contents in one transaction, each with its event."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def prune(self, request: PruneRequest, *, caller: Caller) -> PruneResult:
        return pruning.prune(self._engine, request, actor=str(caller))

    def preview_prune(self, request: PruneRequest) -> PruneResult:
        return pruning.preview_prune(self._engine, request)

    def reclaim_space(self) -> bool:
        return sqlite_file.vacuum(self._engine)

    def find_contents(self, texts: Collection[str]) -> Sequence[ErasableContent]:
        return erasure.find_contents(self._engine, texts)

    def contents_of_run(self, run_id: str, artifact_id: str | None = None) -> Sequence[ErasableContent]:
        return erasure.contents_of_run(self._engine, run_id, artifact_id)

    def count_mentions(self, texts: Collection[str]) -> Mapping[str, int]:
        with self._engine.connect() as connection:
            return residual_mentions.count_mentions(connection, texts)

    def erase(self, digests: Collection[str], *, reason: str, caller: Caller) -> int:
        return erasure.erase(self._engine, digests, reason=reason, actor=str(caller))

    def encryption_status(self) -> EncryptionStatus:
        return encryption.encryption_status(self._engine)

    def rotate_keys(self, *, caller: Caller) -> RotationResult:
        return encryption.rotate_keys(self._engine, actor=str(caller))

    def encrypt_contents(self, *, caller: Caller) -> int:
        return encryption.encrypt_contents(self._engine, actor=str(caller))
