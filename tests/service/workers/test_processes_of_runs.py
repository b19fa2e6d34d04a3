"""What the runs of a service have started: nothing of it survives the run, however the run ends."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.builders.callers import CALLER
from tests.builders.faulty_services import Installation, stop
from tests.builders.installations import migrated
from tests.builders.processes import is_alive, kill, needs_proc, pids_with, silent_server, wait_until
from tests.servers.databases import sqlite_url
from waivern.operations.runs.cancel_run import cancel_run
from waivern.processes.guard_program import SHORT_PARENT
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

LONG_NAME = "temporary" * 12
"""Longer than the path of a socket may be."""


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """Yield an installation whose services and runs make their temporary folders in `temporary_of`."""
    (folder / LONG_NAME).mkdir()
    with pytest.MonkeyPatch.context() as patch, migrated(sqlite_url(folder)):
        patch.setenv("TMPDIR", str(folder / LONG_NAME))
        yield Installation(folder, sqlite_url(folder), lease_s=4.0)


def temporary_of(installation: Installation) -> Path:
    return installation.folder / LONG_NAME


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture
def separate(tmp_path: Path) -> Iterator[Installation]:
    """An installation of one test, whose services are killed."""
    with installed(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def service(installation: Installation) -> Iterator["subprocess.Popen[str]"]:
    """A service that every test finds running, whatever happened to earlier runs."""
    with installation.service("serve", "--workers", "1") as process:
        yield process
        assert process.poll() is None
        assert stop(process) == 0


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


def clones(installation: Installation) -> list[Path]:
    return list(temporary_of(installation).glob("waivern-git-*"))


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


@pytest.mark.parametrize("end", ["cancel", "deadline", "kill", "lose the lease"])
@pytest.mark.usefixtures("service")
def test_no_git_process_and_no_clone_survives_a_run(installation: Installation, end: str) -> None:
    with silent_server() as port:
        config = {"timeout": 3} if end == "deadline" else {}
        run_id = queue(installation, git_runbook(installation, port, **config), max_attempts=1)
        wait_until(lambda: pids_with(f":{port}/") and clones(installation), within_s=30)
        if end == "cancel":
            cancel(installation, run_id)
        elif end == "kill":
            kill(run_process(port))
        elif end == "lose the lease":
            os.kill(run_process(port), signal.SIGSTOP)
        wait_until(lambda: not pids_with(f":{port}/"), within_s=30)
        wait_until(lambda: not clones(installation))
        ended = {"cancel": RunStatus.CANCELLED, "deadline": RunStatus.TIMED_OUT}.get(end, RunStatus.INTERRUPTED)
        wait_until(lambda: status_of(installation, run_id) is ended)


@pytest.mark.parametrize("end", ["stop", "kill and cancel", "kill and wait for the deadline"])
def test_no_git_process_and_no_clone_survives_a_service_and_its_run(separate: Installation, end: str) -> None:
    with silent_server() as port, separate.service("serve", "--workers", "1", "--drain", "0") as other:
        config = {"timeout": 5} if "deadline" in end else {}
        run_id = queue(separate, git_runbook(separate, port, **config), max_attempts=1)
        wait_until(lambda: pids_with(f":{port}/") and clones(separate), within_s=30)
        if "kill" in end:
            kill(other.pid)
            other.wait()
            assert pids_with(f":{port}/")  # the run continues
        if "cancel" in end:
            cancel(separate, run_id)
        elif end == "stop":
            other.send_signal(signal.SIGTERM)
        wait_until(lambda: not pids_with(f":{port}/"), within_s=30)
        wait_until(lambda: not clones(separate))


def test_folders_are_removed_by_the_next_service_after_everything_was_killed(separate: Installation) -> None:
    with silent_server() as port, separate.service() as other:
        queue(separate, git_runbook(separate, port))
        wait_until(lambda: pids_with(f":{port}/") and clones(separate), within_s=30)
        abandoned = [*clones(separate), *socket_folders(other.pid)]
        everything = pids_with(str(temporary_of(separate))) | {other.pid}  # as if the machine had lost its power
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in everything:
                os.kill(pid, number)
        other.wait()
        assert all(folder.exists() for folder in abandoned)
    with separate.service("serve", "--workers", "0"):
        wait_until(lambda: not any(folder.exists() for folder in abandoned))


def socket_folders(service: int) -> list[Path]:
    """Return the folder of the socket of a service's processes, which is elsewhere: its path must be short."""
    found = []
    for file in Path(SHORT_PARENT).glob("waivern-sockets-*/owner"):
        with suppress(OSError):  # that of another service, which ends
            if file.read_text(encoding="utf-8").startswith(f"process {service} on "):
                found.append(file.parent)
    assert len(found) == 1
    return found


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("end", ["success", "cancel", "kill"])
def test_programs_of_components_end_with_the_run(installation: Installation, program: str, end: str) -> None:
    check_program_ends(installation, PROGRAMS[program], end)


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("end", ["success", "cancel"])
def test_a_daemon_that_has_dropped_its_environment_ends_with_the_run(installation: Installation, end: str) -> None:
    check_program_ends(installation, DAEMON_WITHOUT_ENVIRONMENT, end)


def check_program_ends(installation: Installation, program: dict[str, object], end: str) -> None:
    installation.journal.unlink(missing_ok=True)
    properties = {**program, "does": "starts_a_program", "then_hangs": end != "success"}
    run_id = queue(installation, installation.runbook("starts", {"a": properties}), max_attempts=1)
    wait_until(lambda: any(entry["name"] == "program" for entry in installation.journal_entries()), within_s=30)
    entry = next(entry for entry in installation.journal_entries() if entry["name"] == "program")
    if end == "cancel":
        cancel(installation, run_id)
    elif end == "kill":
        kill(entry["pid"])
    wait_until(lambda: not is_alive(int(entry["what"])))
    if end == "success":
        wait_until(lambda: status_of(installation, run_id) is RunStatus.SUCCEEDED)
