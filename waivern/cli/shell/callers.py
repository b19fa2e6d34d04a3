"""The caller of an operation: the person at the terminal, or the service."""

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


def service(command: str) -> str:
    """Return who acts where nobody does but the clock: no login name has a blank, so that it is no person's."""
    return f"waivern {command}@{socket.gethostname()}"


def _login_name() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):  # another system, or a container whose user has a number alone
        pass
    return str(os.geteuid()) if hasattr(os, "geteuid") else getpass.getuser()
