"""Killing programs together with everything that they have started."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.builders.processes import is_alive, line_of, needs_proc, python, wait_until
from waivern.processes import children
from waivern.processes.tree import kill_tree

NULL = subprocess.DEVNULL
TWO = "sleep 1000 & echo $!; sleep 1000"


def start(shell: str) -> "subprocess.Popen[bytes]":
    return children.start(
        ["sh", "-c", shell], environment=dict(os.environ), stdin=NULL, stdout=subprocess.PIPE, stderr=NULL
    )


def pid_from(process: "subprocess.Popen[bytes]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.mark.parametrize("shell", [TWO, pytest.param(f"setsid sh -c '{TWO}'", marks=needs_proc)])
def test_descendants_are_killed_with_a_program(shell: str) -> None:
    process = start(shell)
    descendant = pid_from(process)
    children.kill(process)
    assert process.returncode is not None
    wait_until(lambda: not is_alive(descendant))


def test_descendants_are_killed_after_a_program_that_has_ended() -> None:
    process = start("sleep 1000 & echo $!")
    descendant = pid_from(process)
    process.wait()
    children.kill(process)
    wait_until(lambda: not is_alive(descendant))


def test_a_program_may_react_to_sigterm_within_its_grace_period() -> None:
    process = start("trap 'exit 7' TERM; echo 1; while :; do sleep 0.01; done")
    pid_from(process)
    children.kill(process, grace_s=5)
    assert process.returncode == 7


def test_a_program_that_ignores_sigterm_is_killed_after_its_grace_period() -> None:
    process = start("trap '' TERM; echo 1; while :; do sleep 0.01; done")
    pid_from(process)
    started = time.monotonic()
    children.kill(process, grace_s=0.3)
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - started < 3


@needs_proc
def test_no_descendant_escapes_from_a_process_that_adopts_orphans() -> None:
    code = """
import os, subprocess, time
from waivern.processes.tree import adopt_orphans
adopt_orphans()
shell = "setsid sh -c 'sleep 1000 & echo $!'"
subprocess.run(["sh", "-c", shell], env={"PATH": os.environ["PATH"]})
time.sleep(1000)
"""
    with python(code) as process:
        escaped = int(line_of(process))
        wait_until(lambda: parent_of(escaped) == process.pid)
        kill_tree(process.pid)
        wait_until(lambda: not is_alive(escaped))
        assert process.wait(5) == -signal.SIGKILL


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])


@needs_proc
def test_everything_but_what_is_kept_is_ended() -> None:
    code = """
import subprocess, time
from waivern.processes import children
from waivern.processes.tree import adopt_orphans, end_children
adopt_orphans()
print(end_children(), flush=True)
NULL = subprocess.DEVNULL
kept = children.start(["sleep", "1000"], environment={}, stdin=NULL, stdout=NULL, stderr=NULL, is_kept=True)
ended = subprocess.Popen(["true"])
print(subprocess.Popen(["sleep", "1000"]).pid, flush=True)
subprocess.run(["sh", "-c", "setsid sh -c 'echo $$; exec sleep 1000' & sleep 0.5"], env={})
print(children.end_other_than_kept(), flush=True)
print(kept.pid, kept.poll(), flush=True)
time.sleep(1000)
"""
    with python(code) as process:
        assert line_of(process) == "True"
        pids = [int(line_of(process)) for _ in range(2)]
        assert line_of(process) == "True"
        kept, status = line_of(process).split()
        assert status == "None"
        assert not any(is_alive(pid) for pid in pids)
        assert is_alive(int(kept))
