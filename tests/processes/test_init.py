"""Waivern as PID 1, in a PID namespace of its own as in a container."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.processes import REPOSITORY, line_of, wait_until

ISOLATE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def can_isolate() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ISOLATE, "true"], capture_output=True, timeout=10).returncode == 0


pytestmark = pytest.mark.skipif(not can_isolate(), reason="needs the right to create PID namespaces")

SPLIT = "import os, signal, subprocess, sys, time\nfrom waivern.processes.init import split_if_init\nsplit_if_init()\n"


def as_pid_1(code: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*ISOLATE, sys.executable, "-c", SPLIT + code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=folder,
        text=True,
    )


@pytest.mark.parametrize(("end", "code"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 128 + 9), ("pass", 0)])
def test_pid_1_exits_as_its_child_does(tmp_path: Path, end: str, code: int) -> None:
    with as_pid_1(f"assert os.getpid() != 1\n{end}", tmp_path) as process:
        assert process.wait(10) == code


def test_orphans_are_reaped(tmp_path: Path) -> None:
    count = """
def processes():
    return [name for name in os.listdir("/proc") if name.isdigit()]
for _ in range(6):
    subprocess.run(["sh", "-c", "sleep 0.1 &"])
print(len(processes()), flush=True)
time.sleep(1)
print(sorted(processes()) == sorted(["1", str(os.getpid())]), flush=True)
"""
    with as_pid_1(count, tmp_path) as process:
        assert int(line_of(process)) >= 6
        assert line_of(process) == "True"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_forwarded(tmp_path: Path, number: signal.Signals) -> None:
    wait = f"""
def on_signal(number, frame):
    print("received", number, flush=True)
    sys.exit(5)
signal.signal({int(number)}, on_signal)
print("ready", flush=True)
time.sleep(1000)
"""
    with as_pid_1(wait, tmp_path) as process:
        assert line_of(process) == "ready"
        os.kill(init_below(process.pid), number)
        assert line_of(process) == f"received {int(number)}"
        assert process.wait(10) == 5


def init_below(unshare: int) -> int:
    children = Path(f"/proc/{unshare}/task/{unshare}/children")
    wait_until(children.read_text)
    return int(children.read_text().split()[0])


def test_temporary_folders_are_removed_before_pid_1_exits(tmp_path: Path) -> None:
    hold = f"""
import tempfile
tempfile.tempdir = {str(tmp_path)!r}
from waivern.processes.temporary_folders import temporary_folder
with temporary_folder("git") as folder:
    print(len(os.listdir({str(tmp_path)!r})), flush=True)
    os.kill(os.getpid(), 9)
"""
    with as_pid_1(hold, tmp_path) as process:
        assert line_of(process) == "1"
        assert process.wait(10) == 128 + 9
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_works_as_pid_1(tmp_path: Path) -> None:
    command = [*ISOLATE, sys.executable, "-m", "waivern", "--version"]
    shown = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, cwd=tmp_path
    )
    assert shown.returncode == 0
    assert shown.stdout.startswith(b"waivern ")
