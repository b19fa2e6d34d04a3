"""What the runs of a service have started: nothing of it survives the run, however the run ends."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.callers import CALLER
from tests.builders.faulty_services import Installation, stop
from tests.builders.installations import migrated
from tests.builders.processes import is_alive, kill, needs_proc, pids_with, silent_server, wait_until
from tests.servers.databases import sqlite_url
from waivern.operations.runs.cancel_run import cancel_run
from waivern.runs.run import RunStatus
from waivern.runs.run_store import NewRun

pytestmark = needs_proc
SLEEP = "echo $$; exec sleep 1000"
PROGRAMS = {
    "in the group of the run": {"program": SLEEP},
    "in a session of its own": {"program": f"setsid sh -c '{SLEEP}'"},
    "without environment": {"program": SLEEP, "clears_environment": True},
    "a daemon": {"program": f"setsid sh -c '{SLEEP}' &"},
}
DAEMON_WITHOUT_ENVIRONMENT = {"program": f"setsid sh -c '{SLEEP}' &", "clears_environment": True}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def installation(tmp_path: Path, temporary: Path) -> Iterator[Installation]:
    with migrated(sqlite_url(tmp_path)):
        yield Installation(tmp_path, sqlite_url(tmp_path), lease_s=4.0)


def queue(installation: Installation, runbook: Path, **terms: object) -> str:
    with installation.application() as application:
        return application.storage.runs.enqueue(NewRun(runbook, runbook.stem, "trigger", **terms))  # type: ignore[arg-type]


def git_runbook(installation: Installation, port: int, **config: object) -> Path:
    source = {"type": "git", "properties": {"repository": f"http://127.0.0.1:{port}/shop.git"}}
    path = installation.folder / "git.yaml"
    runbook = {"name": "git", "description": "d", "config": config, "artifacts": {"a": {"source": source}}}
    path.write_text(json.dumps(runbook), encoding="utf-8")
    return path


def cancel(installation: Installation, run_id: str) -> None:
    with installation.application() as application:
        cancel_run(application, run_id, caller=CALLER)


def clones(temporary: Path) -> list[Path]:
    return list(temporary.glob("waivern-git-*"))


def run_process(port: int) -> int:
    """Return the process that executes the run: the parent of `git fetch`, which is the parent of the helper."""
    helper = pid = min(pids_with(f":{port}/"))
    while Path(f"/proc/{pid}/comm").read_text().startswith("git"):
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    assert pid != helper
    return pid


def status_of(installation: Installation, run_id: str) -> RunStatus:
    with installation.application() as application:
        return application.storage.history.find(run_id).status


@pytest.mark.parametrize("end", ["cancel", "deadline", "kill", "kill the service and cancel", "stop"])
def test_no_git_process_and_no_clone_survives_a_run(installation: Installation, temporary: Path, end: str) -> None:
    options = ("serve", "--workers", "1", "--drain", "0")
    with silent_server() as port, installation.service(*options) as service:
        config = {"timeout": 3} if end == "deadline" else {}
        run_id = queue(installation, git_runbook(installation, port, **config), max_attempts=1)
        wait_until(lambda: pids_with(f":{port}/") and clones(temporary), within_s=30)
        if end == "kill":
            kill(run_process(port))
        elif end == "kill the service and cancel":
            kill(service.pid)
            service.wait()
            assert pids_with(f":{port}/")  # the run continues
        if "cancel" in end:
            cancel(installation, run_id)
        if end == "stop":
            service.send_signal(signal.SIGTERM)
        wait_until(lambda: not pids_with(f":{port}/"), within_s=20)
        wait_until(lambda: not clones(temporary))
        if end == "deadline":
            wait_until(lambda: status_of(installation, run_id) is RunStatus.TIMED_OUT)


def test_clones_are_removed_by_the_next_service_after_everything_was_killed(
    installation: Installation, temporary: Path
) -> None:
    with silent_server() as port, installation.service() as service:
        queue(installation, git_runbook(installation, port))
        wait_until(lambda: pids_with(f":{port}/") and clones(temporary), within_s=30)
        everything = pids_with(str(temporary)) | {service.pid}  # as if the machine had lost its power
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in everything:
                os.kill(pid, number)
        service.wait()
        assert clones(temporary)
    abandoned = clones(temporary)
    with installation.service("serve", "--workers", "0"):
        wait_until(lambda: not any(clone.exists() for clone in abandoned))


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("end", ["success", "cancel", "kill"])
def test_programs_of_components_end_with_the_run(installation: Installation, program: str, end: str) -> None:
    check_program_ends(installation, PROGRAMS[program], end)


@pytest.mark.parametrize("end", ["success", "cancel"])
def test_a_daemon_that_has_dropped_its_environment_ends_with_the_run(installation: Installation, end: str) -> None:
    check_program_ends(installation, DAEMON_WITHOUT_ENVIRONMENT, end)


def check_program_ends(installation: Installation, program: dict[str, object], end: str) -> None:
    properties = {**program, "does": "starts_a_program", "then_hangs": end != "success"}
    runbook = installation.runbook("starts", {"a": properties})
    with installation.service() as service:
        run_id = queue(installation, runbook, max_attempts=1)
        wait_until(lambda: any(entry["name"] == "program" for entry in installation.journal_entries()), within_s=30)
        entry = next(entry for entry in installation.journal_entries() if entry["name"] == "program")
        if end == "cancel":
            cancel(installation, run_id)
        elif end == "kill":
            kill(entry["pid"])
        wait_until(lambda: not is_alive(int(entry["what"])))
        if end == "success":
            wait_until(lambda: status_of(installation, run_id) is RunStatus.SUCCEEDED)
        assert service.poll() is None
        following = queue(installation, installation.runbook("next", {"b": {}}))
        wait_until(lambda: status_of(installation, following) is RunStatus.SUCCEEDED, within_s=30)
    assert stop(service) == 0
