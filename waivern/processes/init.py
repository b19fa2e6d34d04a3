"""Running as PID 1, as in a container: the process that must reap orphans, and that has no default signal actions."""

import os
import signal
import time
from contextlib import suppress
from typing import NoReturn

_FORWARDED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
    signal.SIGCONT,
)
_AWAITED = {signal.SIGCHLD, *_FORWARDED}
_GUARD_TIMEOUT_S = 3.0
_POLL_S = 0.01


def split_if_init() -> None:
    """If this process is PID 1, continue in a child; PID 1 forwards signals, reaps orphans and exits with the child.

    Call this first of all, while the process is small and has one thread.
    """
    if os.getpid() != 1:
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_AWAITED, signal.SIGTTOU})
    child = os.fork()
    if child != 0:
        _supervise(child)
    _take_terminal()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_AWAITED, signal.SIGTTOU})


def _take_terminal() -> None:
    """Move to a process group of its own, in the foreground, so that the terminal's signals arrive once."""
    os.setpgid(0, 0)
    with suppress(OSError):  # there is no terminal
        os.tcsetpgrp(0, os.getpgrp())


def _supervise(child: int) -> NoReturn:
    while True:
        number = signal.sigwait(_AWAITED)
        if number != signal.SIGCHLD:
            with suppress(ProcessLookupError):
                os.kill(child, number)
        status = _reap(child)
        if status is not None:
            _wait_for_guards()
            os._exit(status)


def _reap(child: int) -> int | None:
    """Reap all processes that have ended; return the exit code of `child` if it is among them."""
    code = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                exit_code = os.waitstatus_to_exitcode(status)
                code = exit_code if exit_code >= 0 else 128 - exit_code
    return code


def _wait_for_guards() -> None:
    """Give guards a moment to remove temporary folders: when PID 1 exits, the kernel kills everything else."""
    deadline = time.monotonic() + _GUARD_TIMEOUT_S
    with suppress(ChildProcessError):
        while time.monotonic() < deadline:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                time.sleep(_POLL_S)
