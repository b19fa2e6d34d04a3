"""Starting programs, and stopping them together with what they have started."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from waivern.processes import guard
from waivern.processes.tree import kill_descendants

_KILL_TIMEOUT_S = 5.0  # exceeded only if the kernel itself waits for a device, which no signal interrupts

Stream = int | IO[bytes]


def start(
    command: Sequence[str], *, environment: Mapping[str, str], stdin: Stream, stdout: Stream, stderr: Stream
) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own. It is killed when this process ends, however that happens.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(  # noqa: S603  callers check the arguments
        list(command), stdin=stdin, stdout=stdout, stderr=stderr, env=environment, cwd="/", start_new_session=True
    )
    guard.current().add_group(process.pid)
    return process


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


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
