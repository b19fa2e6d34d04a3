"""The history is read page by page, because interrupted runs are recognised only after they were read."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from waivern.database.connection.engine import writing
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.runs.history import SqlHistory
from waivern.database.schema.tables import runs
from waivern.history.run_records import RunFilter
from waivern.runs.run import RunStatus, new_run_id, utc_now

RUNS = 70


@pytest.fixture
def ids(engine: sa.Engine) -> list[str]:
    """Many runs at terminals, newest first: every third is alive, the others are interrupted; three have one time."""
    now = utc_now()
    rows = [
        {
            "id": new_run_id(now),
            "runbook_name": f"runbook {number % 2}",
            "trigger": "manual",
            "status": RunStatus.RUNNING.value,
            "epoch": 1,
            "created_at": now - timedelta(seconds=(RUNS - number) // 3),
            "started_at": now,
            "worker_id": str(ProcessIdentity.this_process()),
            "lease_until": now + timedelta(hours=1 if number % 3 == 0 else -1),
        }
        for number in range(RUNS)
    ]
    with writing(engine) as connection:
        connection.execute(sa.insert(runs), rows)
    return [row["id"] for row in sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)]  # type: ignore[arg-type, return-value, misc]


def test_interrupted_runs_of_all_pages_are_listed_once_in_order(engine: sa.Engine, ids: list[str]) -> None:
    history = SqlHistory(engine)
    interrupted = history.recent(RunFilter(status=RunStatus.INTERRUPTED), limit=RUNS)
    running = history.recent(RunFilter(status=RunStatus.RUNNING), limit=RUNS)
    alive = {run.id for run in running}
    assert [run.id for run in interrupted] == [run_id for run_id in ids if run_id not in alive]
    assert [run.id for run in running] == [run_id for run_id in ids if run_id in alive]
    assert len(alive) == RUNS // 3 + 1


@pytest.mark.parametrize("limit", [1, 2, 19, 20, 21, 40, 41])
def test_a_list_ends_at_its_limit_however_many_pages_it_takes(engine: sa.Engine, ids: list[str], limit: int) -> None:
    history = SqlHistory(engine)
    everything = [run.id for run in history.recent(RunFilter(status=RunStatus.INTERRUPTED), limit=RUNS)]
    listed = history.recent(RunFilter(status=RunStatus.INTERRUPTED), limit=limit)
    assert [run.id for run in listed] == everything[:limit]
    assert [run.id for run in history.recent(RunFilter(), limit=limit)] == ids[:limit]


def test_a_filter_applies_to_every_page(engine: sa.Engine, ids: list[str]) -> None:
    wanted = RunFilter(runbook="runbook 1", status=RunStatus.INTERRUPTED)
    found = SqlHistory(engine).recent(wanted, limit=RUNS)
    assert {run.runbook for run in found} == {"runbook 1"}
    assert len(found) == sum(number % 2 == 1 and number % 3 != 0 for number in range(RUNS))
    assert [run.id for run in found] == [run_id for run_id in ids if run_id in {run.id for run in found}]
