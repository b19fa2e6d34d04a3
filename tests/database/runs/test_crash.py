"""A process killed at any moment leaves no artifact recorded without its readable message."""

import multiprocessing
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders.installations import migrated
from tests.builders.thoroughness import THOROUGH
from tests.database.runs.saving_child import prune_until_killed, save_until_killed
from tests.servers.databases import sqlite_url
from waivern.caller import Caller
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.runs.history import SqlHistory
from waivern.database.schema.artifact_view import artifact_view
from waivern.database.schema.tables import artifacts, blobs, gc_candidates
from waivern.history.retention import PruneRequest
from waivern.runs.run import ArtifactStatus

KILLS = 200 if THOROUGH else 40
KILLS_DURING_PRUNING = 60 if THOROUGH else 20


def kill_at_random(
    url: str,
    *,
    kills: int,
    seed: int,
    target: Callable[..., None] = save_until_killed,
    arguments: tuple[str, ...] = ("correct",),
) -> None:
    """Start a process that saves without end and kill it some milliseconds later, `kills` times."""
    chance = random.Random(seed)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.database.runs.saving_child"])
    for _ in range(kills):
        here, there = processes.Pipe()
        child = processes.Process(target=target, args=(url, *arguments, there), daemon=True)
        child.start()
        assert here.poll(60), "the child saved nothing"
        time.sleep(chance.uniform(0, 0.03))
        child.kill()
        child.join()
        child.close()
        here.close()
        there.close()


def unreadable_artifacts(engine: sa.Engine) -> tuple[int, list[str]]:
    """Read every succeeded artifact; return how many there are, and the problems."""
    history = SqlHistory(engine)
    with engine.connect() as connection:
        recorded = connection.execute(
            sa.select(artifact_view.c.run_id, artifact_view.c.artifact_id).where(
                artifact_view.c.status == ArtifactStatus.SUCCEEDED.value
            )
        ).all()
    wrong = []
    for run_id, artifact_id in recorded:
        try:
            assert history.message_of(run_id, artifact_id).content["name"] == artifact_id
        except Exception as error:
            wrong.append(f"{run_id} {artifact_id}: {error}")
    return len(recorded), wrong


@pytest.mark.slow
def test_after_many_kills_every_recorded_artifact_has_its_message(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with migrated(url) as engine:
        kill_at_random(url, kills=KILLS, seed=1)
        recorded, wrong = unreadable_artifacts(engine)
    assert recorded > KILLS  # the kills came while much was being saved
    assert not wrong


@pytest.mark.slow
def test_after_kills_during_pruning_all_kept_messages_can_be_read(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with migrated(url) as engine:
        kill_at_random(url, kills=KILLS_DURING_PRUNING, seed=3, target=prune_until_killed, arguments=())
        history, kept, pruned = SqlHistory(engine), 0, 0
        with engine.connect() as connection:
            saved = connection.execute(sa.select(artifact_view).where(artifact_view.c.digest.is_not(None))).all()
        for row in saved:
            if row.pruned_at is None:
                kept += 1
                assert history.message_of(row.run_id, row.artifact_id).content["name"] == row.artifact_id
            else:
                pruned += 1
        assert min(kept, pruned) > 0
        SqlRetention(engine).prune(PruneRequest(), caller=Caller("test"))
        with engine.connect() as connection:
            wanted = sa.select(artifacts.c.digest).where(
                artifacts.c.digest.is_not(None), artifacts.c.pruned_at.is_(None)
            )
            full = set(connection.scalars(sa.select(blobs.c.digest).where(blobs.c.codec != TOMBSTONE)))
            assert set(connection.scalars(wanted)) == full
            assert connection.execute(sa.select(gc_candidates)).all() == []


@pytest.mark.slow
def test_the_check_detects_a_status_that_is_committed_before_its_message(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with migrated(url) as engine:
        for seed in range(20):  # whether a kill hits between the two transactions is a matter of chance
            kill_at_random(url, kills=4, seed=seed, arguments=("status first",))
            _recorded, wrong = unreadable_artifacts(engine)
            if wrong:
                break
    assert wrong
