"""A run whose process is killed is resumed and redoes nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders.installations import migrated
from tests.cli.odd_components import install_odd_components
from waivern.database.runs.history import SqlHistory
from waivern.history.run_records import RunFilter
from waivern.runs.run import ArtifactStatus, RunStatus

ARTIFACTS = [f"a{number}" for number in range(8)]


@pytest.fixture
def runbook(tmp_path: Path) -> Path:
    """Sources that each leave a mark in a file when they are extracted, one or two at a time."""
    artifacts = "\n".join(
        f"  {name}: {{source: {{type: odd, properties: {{does: marks, name: {name}, file: {tmp_path}/marks, "
        f"seconds: 0.05}}}}}}"
        for name in ARTIFACTS
    )
    install_odd_components(tmp_path / "plug-ins")
    path = tmp_path / "runbook.yaml"
    path.write_text(
        f"name: Marks\ndescription: leaves marks\nconfig: {{max_concurrency: 2}}\nartifacts:\n{artifacts}\n"
        f"  all: {{inputs: [{', '.join(ARTIFACTS)}]}}\n"
    )
    return path


def start(runbook: Path, url: str, *options: str) -> "subprocess.Popen[bytes]":
    plug_ins = runbook.parent / "plug-ins"
    environment = {**os.environ, "PYTHONPATH": str(plug_ins), "WAIVERN_DATABASE_URL": url}
    command = [sys.executable, "-m", "waivern", "run", str(runbook), *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for_a_mark(runbook: Path, more_than: int) -> None:
    give_up = time.monotonic() + 60
    while len(marks(runbook)) <= more_than and time.monotonic() < give_up:
        time.sleep(0.005)


def marks(runbook: Path) -> list[str]:
    file = runbook.parent / "marks"
    return file.read_text().split() if file.exists() else []


def succeeded(engine: sa.Engine, run_id: str) -> set[str]:
    return {
        artifact.artifact_id
        for artifact in SqlHistory(engine).artifacts_of(run_id)
        if artifact.status is ArtifactStatus.SUCCEEDED
    }


@pytest.mark.slow
def test_a_run_that_is_killed_repeatedly_is_finished_and_redoes_nothing(runbook: Path, database_url: str) -> None:
    chance = random.Random(7)
    with migrated(database_url) as engine:
        history = SqlHistory(engine)
        made_before: set[str] = set()
        resume: list[str] = []
        for attempt in range(4):
            seen = len(marks(runbook))
            running = start(runbook, database_url, *resume)
            wait_for_a_mark(runbook, seen)
            time.sleep(chance.uniform(0, 0.12))
            running.send_signal(signal.SIGKILL)
            running.communicate()
            run = history.find("latest")
            assert run.status is RunStatus.INTERRUPTED, running.stderr
            assert run.epoch == attempt + 1
            assert not made_before & set(marks(runbook)[seen:])
            assert made_before <= succeeded(engine, run.id)
            made_before = succeeded(engine, run.id)
            resume = ["--resume", run.id]
        seen = len(marks(runbook))
        output, errors = (finishing := start(runbook, database_url, "--resume", "latest")).communicate(timeout=60)
        assert finishing.returncode == 0, (output, errors)
        assert not made_before & set(marks(runbook)[seen:])
        assert set(Counter(marks(runbook))) == set(ARTIFACTS)
        (run,) = history.recent(RunFilter(), limit=9)
        assert (run.status, run.epoch) == (RunStatus.SUCCEEDED, 5)
        assert succeeded(engine, run.id) == {*ARTIFACTS, "all"}


def test_a_running_run_cannot_be_resumed_by_another_process(runbook: Path, database_url: str) -> None:
    with migrated(database_url):
        running = start(runbook, database_url)
        wait_for_a_mark(runbook, 0)
        running.send_signal(signal.SIGSTOP)  # alive, whatever it does
        _output, errors = (second := start(runbook, database_url, "--resume", "latest")).communicate(timeout=60)
        assert second.returncode == 2
        assert f"still running, in process {running.pid}".encode() in errors
        running.send_signal(signal.SIGCONT)
        running.communicate(timeout=60)
        assert running.returncode == 0
