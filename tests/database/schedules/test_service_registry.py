"""What every database knows of services."""

from datetime import timedelta

import sqlalchemy as sa

from waivern.database.connection.engine import writing
from waivern.database.schedules.service_registry import SqlServiceRegister
from waivern.database.schema.tables import services
from waivern.runs.run import utc_now


def test_a_service_is_alive_until_it_leaves(engine: sa.Engine) -> None:
    register = SqlServiceRegister(engine)
    service_id = register.appear(kind="serve", workers=2, version="1")
    assert register.give_sign_of_life(service_id)
    (known,) = register.status().services
    assert (known.id, known.kind, known.workers, known.is_alive) == (service_id, "serve", 2, True)
    register.leave(service_id)
    (known,) = register.status().services
    assert (known.is_alive, known.stopped_at is not None) == (False, True)


def test_a_service_that_gives_no_sign_is_gone_and_forgotten_after_a_day(engine: sa.Engine) -> None:
    register = SqlServiceRegister(engine)
    asleep = register.appear(kind="serve", workers=1, version="1")
    _last_seen(engine, timedelta(minutes=10))
    assert [each.is_alive for each in register.status().services] == [False]
    _last_seen(engine, timedelta(days=2))
    awake = register.appear(kind="worker", workers=1, version="1")
    assert [each.id for each in register.status().services] == [awake]
    assert not register.give_sign_of_life(asleep)


def _last_seen(engine: sa.Engine, ago: timedelta) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(services).values(heartbeat_at=utc_now() - ago))
