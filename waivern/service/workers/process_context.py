"""How run processes are started: forked from a server process that has already imported what runs need."""

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from pathlib import Path

from waivern.errors import UsageError
from waivern.processes.guard_program import SHORT_PARENT
from waivern.processes.temporary_folders import process_folder

_PRELOADED = (
    "waivern.service.workers.run_process",
    "waivern.bootstrap",
    "waivern.plans.planner",
    "waivern.database.connection.engine",
)
_MAX_SOCKET_PATH = 103  # bytes, on macOS; 107 on Linux
_LONGEST_NAME = len("/waivern-sockets-xxxxxxxx/content/pymp-xxxxxxxx/listener-xxxxxxxx")


def warm_context() -> BaseContext:
    """Return how processes are started, and start the server.

    The server ignores a SIGTERM that is sent to the service's process group: it is needed until the last run ends.

    Raises:
        UsageError: no temporary folder can be used for its socket.
    """
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    with _temporary_files_in(_socket_folder()), _sigterm_ignored():
        forkserver.ensure_running()
    return context


def _socket_folder() -> Path:
    """Return a new folder whose path is short enough for a socket; multiprocessing would use any TMPDIR."""
    usual = tempfile.gettempdir()
    is_short = len(os.fsencode(usual)) + _LONGEST_NAME <= _MAX_SOCKET_PATH
    parent = usual if is_short else SHORT_PARENT
    try:
        return process_folder("sockets", parent=Path(parent))
    except OSError as error:
        raise UsageError(
            f"No temporary folder can be created in {parent}: {error.strerror}",
            remedy=f"Set TMPDIR to a folder whose path has at most {_MAX_SOCKET_PATH - _LONGEST_NAME} bytes",
        ) from None


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def _sigterm_ignored() -> Iterator[None]:
    """Let what is started inherit that SIGTERM is ignored; only the main thread can arrange that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
