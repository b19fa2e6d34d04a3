"""The guard: whatever ends a process, nothing that it has started survives it, and its folders are removed."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.builders.processes import REPOSITORY, is_alive, kill, line_of, needs_proc, pids_with, python, wait_until
from waivern.processes.guard_program import OWNER, remove_abandoned
from waivern.processes.temporary_folders import temporary_folder

START = """
import os, subprocess, sys, time
from waivern.processes import children, guard
from waivern.processes.environment import inherited_tree
from waivern.processes.temporary_folders import temporary_folder
NULL = subprocess.DEVNULL
def sleeper():
    return children.start(["sleep", "1000"], environment=dict(os.environ), stdin=NULL, stdout=NULL, stderr=NULL)
"""
HOLD_FOLDER = """
with temporary_folder("git") as folder:
    process = sleeper()
    (folder / "large").write_text("content")
    print(process.pid, folder, flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_leaves_no_program_and_no_folder(tmp_path: Path, number: signal.Signals) -> None:
    with python(START + HOLD_FOLDER, environment={"TMPDIR": str(tmp_path)}) as process:
        pid, folder = line_of(process).split()
        assert is_alive(int(pid))
        process.send_signal(number)
        wait_until(lambda: not is_alive(int(pid)))
        wait_until(lambda: not list(tmp_path.iterdir()))
    assert Path(folder).parent.parent == tmp_path


def test_a_program_is_killed_when_its_process_exits_without_killing_it() -> None:
    with python(START + "print(sleeper().pid, flush=True); os._exit(0)") as process:
        pid = int(line_of(process))
        wait_until(lambda: not is_alive(pid))


@needs_proc
@pytest.mark.parametrize("ends_by", ["os._exit(3)", "os.kill(os.getpid(), 9)", "sys.exit()"])
def test_programs_that_a_library_has_started_in_other_sessions_are_killed(ends_by: str) -> None:
    library = """
with guard.guarding_descendants():
    shell = "sleep 1000 & echo $!"
    started = subprocess.Popen(["setsid", "sh", "-c", shell], stdout=subprocess.PIPE)
    print(started.stdout.readline().decode(), flush=True)
"""
    with python(START + library + ends_by) as process:
        pid = int(line_of(process))
        wait_until(lambda: not is_alive(pid))


@needs_proc
def test_a_guard_that_was_killed_is_replaced(tmp_path: Path) -> None:
    code = START + "first = sleeper()\nprint(first.pid, flush=True)\ninput()\nprint(sleeper().pid, flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        first = int(line_of(process))
        wait_until(lambda: len(guards(tmp_path)) == 1)
        for guard in guards(tmp_path):
            kill(guard)
        wait_until(lambda: not guards(tmp_path))
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        second = int(line_of(process))
        process.kill()
        wait_until(lambda: not is_alive(first) and not is_alive(second))


def test_a_forked_process_does_not_keep_the_guard_from_noticing_the_end() -> None:
    forking = """
print(sleeper().pid, flush=True)
if os.fork() == 0:
    print(os.getpid(), flush=True)
time.sleep(1000)
"""
    with python(START + forking) as process:
        sleeper, forked = int(line_of(process)), int(line_of(process))
        process.kill()
        try:
            wait_until(lambda: not is_alive(sleeper))
            assert is_alive(forked)
        finally:
            kill(forked)


@needs_proc
def test_the_next_guard_removes_folders_of_processes_that_are_gone_with_their_guards(tmp_path: Path) -> None:
    with python(START + HOLD_FOLDER, environment={"TMPDIR": str(tmp_path)}) as process:
        pid, folder = line_of(process).split()
        wait_until(lambda: len(guards(tmp_path)) == 1)
        for guard in guards(tmp_path):
            kill(guard)
        process.kill()
        process.wait()
        kill(int(pid))
        assert (Path(folder) / "large").exists()
    with python(START + "guard.current().start(); time.sleep(1000)", environment={"TMPDIR": str(tmp_path)}):
        wait_until(lambda: not list(tmp_path.iterdir()))


def test_only_own_folders_without_an_owner_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    for folder in ("waivern-abandoned", "waivern-other", "unrelated", "elsewhere"):
        (tmp_path / folder).mkdir()
    for folder in ("waivern-abandoned", "unrelated", "elsewhere"):
        (tmp_path / folder / OWNER).touch()
    (tmp_path / "waivern-link").symlink_to(elsewhere)
    with temporary_folder("git") as held:
        remove_abandoned(tmp_path)
        remaining = {path.name for path in tmp_path.iterdir()}
        assert remaining == {"waivern-other", "unrelated", "elsewhere", "waivern-link", held.parent.name}
    assert not held.parent.exists()
    assert (elsewhere / OWNER).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another user")
def test_a_folder_of_another_user_is_not_removed(tmp_path: Path) -> None:
    folder = tmp_path / "waivern-git-x"
    folder.mkdir()
    (folder / OWNER).touch()
    os.chown(folder, 65534, 65534)
    remove_abandoned(tmp_path)
    assert folder.exists()


def test_starting_a_guard_takes_no_time_from_the_process() -> None:
    timed = "begun = time.perf_counter(); guard.current().start(); print(time.perf_counter() - begun, flush=True)"
    with python(START + timed) as process:
        assert float(line_of(process)) < 0.5


def guards(temporary: Path) -> set[int]:
    """Return the guards of processes whose temporary folders are in `temporary`, once they have left their parents."""
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids_with("guard_program")}
    return {pid for pid, command in commands.items() if str(temporary).encode() in command and os.getsid(pid) == pid}
