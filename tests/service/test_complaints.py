"""What a service complains about on `/healthz`, without starting one."""

import time
from collections.abc import Iterator
from datetime import time as time_of_day
from pathlib import Path

import pytest

from tests.builders.callers import SERVICE
from tests.builders.installations import migrated
from tests.servers.databases import sqlite_url
from waivern.bootstrap import build_application
from waivern.database.schedules.service_store import SqlServiceStore
from waivern.errors import DatabaseUnavailableError
from waivern.operations.application import Application
from waivern.service import nightly_pruning
from waivern.service.health import Health
from waivern.service.nightly_pruning import prune_if_due
from waivern.service.serving import Service, ServiceOptions
from waivern.settings import Settings


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    with migrated(sqlite_url(tmp_path)):
        built = build_application(Settings(database_url=sqlite_url(tmp_path)), environment={})
        yield built
        built.close()


@pytest.fixture
def service(application: Application) -> Service:
    options = ServiceOptions(has_scheduler=True, workers=0)
    service = Service(application, caller=SERVICE, make_application=lambda: application, options=options)
    service._has_started = True
    service._heartbeat()
    return service


def texts(service: Service) -> list[str]:
    return [problem.text for problem in service.problems()]


def test_a_heartbeat_that_is_not_recorded_any_more_is_a_complaint(service: Service) -> None:
    assert texts(service) == []
    service._heartbeat_at = time.monotonic() - 25
    assert [text.partition(" for ")[0] for text in texts(service)] == ["no heartbeat of this service has been recorded"]
    service._heartbeat()
    assert texts(service) == []


def test_a_full_disk_is_a_complaint_until_there_is_space_again(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free = [100]
    monkeypatch.setattr(SqlServiceStore, "free_bytes", lambda _self: free[0])
    for _ in range(3):
        service._check_disk()
        service._heartbeat()  # a heartbeat that still fits does not clear it
    assert [text.partition(":")[0] for text in texts(service)] == ["the disk of the database is full"]
    assert caplog.text.count("Free disk space") == 1
    free[0] = 10**9
    service._check_disk()
    assert texts(service) == []


def test_a_failed_pruning_is_a_complaint_until_the_next_one_succeeds(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    health, due, error = Health(), [True], [DatabaseUnavailableError("The disk is full")]

    def prune(*_: object, **_terms: object) -> object:
        if error:
            raise error[0]
        return application.storage.retention.prune(nightly_pruning.PruneRequest(), caller=SERVICE)

    monkeypatch.setattr(nightly_pruning, "claim_nightly_prune", lambda *_, **_terms: due[0])
    monkeypatch.setattr(nightly_pruning, "prune_contents", prune)

    def prune_at_night() -> list[str]:
        prune_if_due(application, at=time_of_day(3, 30), caller=SERVICE, health=health)
        return [problem.text for problem in health.problems()]

    assert prune_at_night() == ["Pruning ended early: The disk is full"]
    due[0] = False
    assert prune_at_night() == ["Pruning ended early: The disk is full"]
    due[0] = True
    error.clear()
    assert prune_at_night() == []
