"""Starting programs, and stopping them together with what they have started."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from waivern.processes import guard
from waivern.processes.tree import end_children, kill_descendants

_KILL_TIMEOUT_S = 5.0  # exceeded only if the kernel itself waits for a device, which no signal interrupts

Stream = int | IO[bytes]

_kept: set[int] = set()


def start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    stdin: Stream,
    stdout: Stream,
    stderr: Stream,
    working_directory: str | None = None,
    is_kept: bool = False,
) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own. The guard kills its process group when this process ends.

    Args:
        command: The program and its arguments, without a shell.
        environment: All variables that it inherits; see `environment`.
        stdin, stdout, stderr: Its streams, as for `subprocess.Popen`.
        working_directory: Where it starts; None: where this process is.
        is_kept: Whether it serves several runs of this process; see `end_other_than_kept`.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(  # noqa: S603  callers check the arguments
        list(command),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=environment,
        cwd=working_directory,
        start_new_session=True,
    )
    guard.current().add_group(process.pid)
    if is_kept:
        _kept.add(process.pid)
    return process


def end_other_than_kept() -> bool:
    """Kill everything that a run has started, except for what is kept; return False if something cannot be killed."""
    return end_children(other_than=_kept)


def kill(process: "subprocess.Popen[bytes]", *, grace_s: float = 0.0) -> None:
    """Kill a program with its process group and all its descendants, and close its pipes.

    Args:
        process: A program that `start` has started.
        grace_s: Seconds for which it may react to SIGTERM first.
    """
    if grace_s and process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
    if process.poll() is None:
        kill_descendants(process.pid)
    _signal_group(process, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_KILL_TIMEOUT_S)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    release(process)


def release(process: "subprocess.Popen[bytes]") -> None:
    """Leave what an ended program has started to itself."""
    guard.current().remove_group(process.pid)
    _kept.discard(process.pid)


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
