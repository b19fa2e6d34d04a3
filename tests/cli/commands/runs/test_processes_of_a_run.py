"""What a run at a terminal has started: nothing of it survives the run, however the run ends."""

import re
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.builders.processes import is_alive, needs_proc, pids_with, silent_server, wait_until


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files; its name is in the command line of every git process of the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def git_runbook(folder: Path, port: int, **config: object) -> str:
    source = {"type": "git", "properties": {"repository": f"http://127.0.0.1:{port}/shop.git"}}
    runbook = {"name": "Git", "description": "d", "config": config, "artifacts": {"a": {"source": source}}}
    path = folder / "git.yaml"
    path.write_text(yaml.safe_dump(runbook), encoding="utf-8")
    return str(path)


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_git_process_and_no_clone(folder: Path, temporary: Path, start, number) -> None:
    with silent_server() as port, start("run", git_runbook(folder, port)) as process:
        wait_until(lambda: pids_with(f":{port}/"), within_s=30)
        assert list(temporary.iterdir())
        process.send_signal(number)
        process.communicate(timeout=10)
        wait_until(lambda: not pids_with(f":{port}/"))
        wait_until(lambda: not list(temporary.iterdir()))


@needs_proc
def test_a_deadline_leaves_no_git_process_and_no_clone(folder: Path, temporary: Path, start) -> None:
    with silent_server() as port, start("run", git_runbook(folder, port, timeout=2)) as process:
        wait_until(lambda: pids_with(f":{port}/"), within_s=30)
        out, _ = process.communicate(timeout=20)
        assert "timed out" in out
        wait_until(lambda: not pids_with(f":{port}/"))
        wait_until(lambda: not list(temporary.iterdir()))


@needs_proc
@pytest.mark.parametrize("in_own_session", [False, True])
@pytest.mark.parametrize("hangs", [False, True])
def test_a_program_that_a_component_has_started_ends_with_the_run(
    start, runbook, in_own_session: bool, hangs: bool
) -> None:
    path = runbook({"a": {"does": "starts_a_program", "in_own_session": in_own_session, "hangs": hangs}})
    with start("run", str(path)) as process:
        pid = started_by(process)
        if hangs:
            assert is_alive(pid)
            process.kill()
        wait_until(lambda: not is_alive(pid))


def started_by(process: "subprocess.Popen[str]") -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if started := re.search(r"started (\d+)", line):
            return int(started[1])
    raise AssertionError("the component has started nothing")
