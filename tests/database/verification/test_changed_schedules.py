"""What the service executes cannot be changed behind its back: `verify` reports it."""

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.schedules import a_definition
from waivern.database.connection.engine import writing
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.tables import schedules
from waivern.database.verification.verifier import verify_in
from waivern.schedules.timing import Cron

CHANGES = {
    "notify": {"command": ["/bin/sh", "-c", "id"], "events": ["failed"]},
    "runbook_path": "/tmp/elsewhere.yaml",
    "working_directory": "/tmp",
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_schedule_that_was_updated_directly_is_reported(engine: sa.Engine, column: str) -> None:
    notify = {"command": ["/opt/page"], "events": ["failed"]}
    added = SqlScheduleStore(engine).add(a_definition(Cron("0 2 * * *"), notify=notify), caller=CALLER)
    assert problems(engine) == []
    with writing(engine) as connection:
        connection.execute(sa.update(schedules).values({column: CHANGES[column]}))
    assert problems(engine) == [(f"schedule {added.id}", f"its {column} is not the one that events recorded")]


def problems(engine: sa.Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        found = verify_in(connection, run_id=None, progress=lambda _what, _done: None)
    return [(mismatch.record, mismatch.problem) for mismatch in found.mismatches]
