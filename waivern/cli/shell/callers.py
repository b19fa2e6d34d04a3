"""The caller of an operation: the person at the terminal, a service or a worker."""

import getpass
import os
import socket

from waivern.caller import Caller, CallerKind


def person_at_terminal() -> str:
    """Return USER@HOST: the login name that the operating system knows, not what a variable says."""
    return f"{_login_name()}@{socket.gethostname()}"


def current_caller() -> Caller:
    """Return the person at the terminal as the caller of an operation."""
    return Caller(person_at_terminal(), CallerKind.USER)


def service_caller() -> Caller:
    """Return this host's service, with a scheduler, as the caller of an operation."""
    return Caller(socket.gethostname(), CallerKind.SERVICE)


def worker_caller() -> Caller:
    """Return this host's worker, without a scheduler, as the caller of an operation."""
    return Caller(socket.gethostname(), CallerKind.WORKER)


def _login_name() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):  # another system, or a container whose user has a number alone
        pass
    return str(os.geteuid()) if hasattr(os, "geteuid") else getpass.getuser()
