"""Who owns a run whose lease has expired."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.servers.databases import sqlite_url
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.runs.leases import LIVING_OWNER_GRACE, is_stale
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import runs
from waivern.runs.run import RunStatus, utc_now
from waivern.runs.run_store import NewRun
from waivern.testing.builders import message_of, plan_of_dag

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HERE = ProcessIdentity.this_process()
JUST_EXPIRED, LONG_EXPIRED, VALID = timedelta(seconds=-1), -LIVING_OWNER_GRACE, timedelta(seconds=1)


def loses_its_run(owner: ProcessIdentity, lease: timedelta) -> bool:
    return is_stale(owner=str(owner), lease_until=NOW + lease, now=NOW)


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def identity_of(process: "subprocess.Popen[bytes]") -> ProcessIdentity:
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return replace(HERE, pid=process.pid, start=stat[19])


def state_of(process: "subprocess.Popen[bytes]") -> str:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_an_owner_that_is_alive_on_this_host_keeps_its_run_for_a_while(child: "subprocess.Popen[bytes]") -> None:
    for owner in (HERE, identity_of(child)):
        assert [loses_its_run(owner, lease) for lease in (VALID, JUST_EXPIRED, LONG_EXPIRED)] == [False, False, True]


def test_a_stopped_owner_loses_its_run_with_its_lease(child: "subprocess.Popen[bytes]") -> None:
    child.send_signal(signal.SIGSTOP)
    while state_of(child) != "T":
        time.sleep(0.01)
    assert [loses_its_run(identity_of(child), lease) for lease in (VALID, JUST_EXPIRED)] == [False, True]


def test_an_ended_owner_loses_its_run_at_once(child: "subprocess.Popen[bytes]") -> None:
    owner = identity_of(child)
    child.kill()
    while state_of(child) != "Z":
        time.sleep(0.01)
    assert loses_its_run(owner, VALID)
    child.wait()
    assert loses_its_run(owner, VALID)


def test_a_later_process_with_the_same_pid_is_not_the_owner() -> None:
    assert loses_its_run(replace(HERE, start="1"), VALID)


@pytest.mark.parametrize(
    "owner",
    [replace(HERE, host="elsewhere"), replace(HERE, boot="another"), replace(HERE, start="")],
    ids=["another host", "another boot", "no start time"],
)
def test_an_owner_that_cannot_be_checked_loses_its_run_with_its_lease(owner: ProcessIdentity) -> None:
    assert [loses_its_run(owner, lease) for lease in (VALID, JUST_EXPIRED)] == [False, True]


def test_a_run_without_a_lease_has_no_owner() -> None:
    assert is_stale(owner=str(HERE), lease_until=None, now=NOW)


def test_an_identity_survives_its_text() -> None:
    for identity in (HERE, replace(HERE, start=""), ProcessIdentity("a|b", "boot/pid:[1]", 7, "12")):
        assert ProcessIdentity.parse(str(identity)) == identity


def test_a_run_is_kept_while_another_process_locks_the_database(tmp_path: Path) -> None:
    with migrated(sqlite_url(tmp_path)) as engine:
        store = SqlRunStore(engine, lease_s=0.3)
        store.enqueue(NewRun(Path("a.yaml"), "A", "trigger"))
        claimed = store.claim()
        assert claimed is not None
        run = store.adopt_claimed(claimed, plan_of_dag({"a": []}), caller=CALLER)
        other = sqlite3.connect(tmp_path / "waivern.db", isolation_level=None, timeout=30)
        other.execute("BEGIN IMMEDIATE")
        with engine.connect() as connection:
            lease_until = connection.scalar(sa.select(runs.c.lease_until))
        assert lease_until is not None
        while utc_now() <= lease_until:
            time.sleep(0.05)
        assert store.reap_stale(caller=CALLER) == []
        other.execute("ROLLBACK")
        other.close()
        run.store.save("a", message_of(found=1))
        run.log.close(RunStatus.SUCCEEDED)
