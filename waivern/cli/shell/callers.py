"""Who calls operations: the person at the terminal, a service or a worker."""

import getpass
import os
import socket

from waivern.caller import Caller, CallerKind


def current_caller() -> Caller:
    """Return the person at the terminal, as USER@HOST.

    USER is the login name that the operating system knows, because an environment variable can be changed.
    """
    return Caller(f"{_login_name()}@{socket.gethostname()}", CallerKind.USER)


def service_caller() -> Caller:
    """Return the caller of a `waivern serve` process on this host."""
    return Caller(socket.gethostname(), CallerKind.SERVICE)


def worker_caller() -> Caller:
    """Return the caller of a `waivern worker` process on this host."""
    return Caller(socket.gethostname(), CallerKind.WORKER)


def _login_name() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):  # not a POSIX system, or a container whose user has no name
        pass
    return str(os.geteuid()) if hasattr(os, "geteuid") else getpass.getuser()
