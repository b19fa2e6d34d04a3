"""Every artifact store is held to one contract."""

from collections.abc import Iterator

import pytest

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from waivern import InMemoryArtifactStore, SqlArtifactStore
from waivern.database.runs.run_store import SqlRunStore
from waivern.runs.run import RunStatus
from waivern.testing.artifact_store_contract import ArtifactStoreContract
from waivern.testing.builders import plan_of_dag


class TestInMemoryArtifactStore(ArtifactStoreContract):
    @pytest.fixture
    def store(self) -> InMemoryArtifactStore:
        return InMemoryArtifactStore()


class TestSqlArtifactStore(ArtifactStoreContract):
    @pytest.fixture
    def store(self, database_url: str) -> Iterator[SqlArtifactStore]:
        with migrated(database_url) as engine:
            run = SqlRunStore(engine).create(plan_of_dag({"planned": []}), trigger="test", caller=CALLER)
            assert isinstance(run.store, SqlArtifactStore)
            yield run.store
            run.log.close(RunStatus.SUCCEEDED)
