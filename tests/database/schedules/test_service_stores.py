"""What services share, on every database."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from waivern.database.connection.engine import writing
from waivern.database.schedules.service_store import SqlServiceStore
from waivern.database.schema.tables import periodic_tasks, services
from waivern.runs.run import utc_now


@pytest.fixture
def store(engine: sa.Engine) -> SqlServiceStore:
    return SqlServiceStore(engine)


def test_a_service_is_alive_until_it_deregisters(store: SqlServiceStore) -> None:
    service_id = store.register(kind="serve", workers=2, version="1")
    assert store.heartbeat(service_id)
    (service,) = store.status().services
    assert (service.id, service.kind, service.workers, service.is_alive) == (service_id, "serve", 2, True)
    store.deregister(service_id)
    (service,) = store.status().services
    assert (service.is_alive, service.stopped_at is not None) == (False, True)


def test_a_service_without_a_heartbeat_is_not_alive_and_is_deleted_after_a_day(
    engine: sa.Engine, store: SqlServiceStore
) -> None:
    silent = store.register(kind="serve", workers=1, version="1")
    set_last_heartbeat(engine, timedelta(minutes=10))
    assert [service.is_alive for service in store.status().services] == [False]
    set_last_heartbeat(engine, timedelta(days=2))
    registered = store.register(kind="worker", workers=1, version="1")
    assert [service.id for service in store.status().services] == [registered]
    assert not store.heartbeat(silent)


def set_last_heartbeat(engine: sa.Engine, ago: timedelta) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(services).values(heartbeat_at=utc_now() - ago))


def test_a_periodic_task_is_claimed_by_one_of_many_services(engine: sa.Engine, store: SqlServiceStore) -> None:
    a_moment_ago = utc_now() - timedelta(seconds=1)
    tomorrow = a_moment_ago + timedelta(days=1)
    assert not store.claim_periodic_task("due tomorrow", next_run_at=tomorrow)
    assert store.claim_periodic_task("prune", next_run_at=a_moment_ago)
    claims: list[bool] = []

    def claim() -> None:
        claims.append(SqlServiceStore(engine).claim_periodic_task("prune", next_run_at=tomorrow))

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claims) == [False] * 5 + [True]


def test_a_periodic_task_that_a_wrong_clock_has_planned_is_run_within_a_day(
    engine: sa.Engine, store: SqlServiceStore
) -> None:
    now = utc_now()
    assert not store.claim_periodic_task("prune", next_run_at=now + timedelta(days=400))
    assert not store.claim_periodic_task("prune", next_run_at=now + timedelta(hours=12))
    with engine.connect() as connection:
        assert connection.scalar(sa.select(periodic_tasks.c.next_run_at)) == now + timedelta(hours=12)


def test_a_heartbeat_in_the_future_is_none(engine: sa.Engine, store: SqlServiceStore) -> None:
    store.register(kind="serve", workers=1, version="1")
    set_last_heartbeat(engine, timedelta(hours=-2))
    assert [service.is_alive for service in store.status().services] == [False]


def test_the_free_space_is_that_of_the_folder_of_a_file(engine: sa.Engine, store: SqlServiceStore) -> None:
    free = store.free_bytes()
    assert (free is None) == (engine.dialect.name == "postgresql")
    assert free is None or free > 0
