"""Delivers a notification to a hook command."""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO

from waivern.processes import children
from waivern.processes.environment import basic_environment
from waivern.service.notifications.webhook import DeliveryError

_SHOWN_ERROR_BYTES = 300
_GRACE_S = 1.0


def run_command(command: Sequence[str], body: bytes, *, environment: Mapping[str, str], timeout_s: float) -> None:
    """Run a program with the notification as its standard input; return when it has ended with exit code 0.

    Args:
        command: The program and its arguments, without a shell.
        body: The notification as JSON.
        environment: Variables that it gets in addition to those that every program inherits, such as PATH.
        timeout_s: Seconds after which it is ended, with its process group.

    Raises:
        DeliveryError: the program cannot be started, fails, or takes too long.
    """
    # Files rather than pipes: a program that it leaves running would keep a pipe open, and this thread waiting.
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as notification:
        notification.write(body)
        notification.seek(0)
        code = _exit_code(command, environment, timeout_s, notification=notification, errors=errors)
        if code != 0:
            text = _tail_of(errors)
            raise DeliveryError(f"The hook command '{command[0]}' ended with {code}{f': {text}' if text else ''}")


def _exit_code(
    command: Sequence[str],
    environment: Mapping[str, str],
    timeout_s: float,
    *,
    notification: IO[bytes],
    errors: IO[bytes],
) -> int:
    try:
        process = children.start(
            command,
            environment={**basic_environment(), **environment},
            stdin=notification,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    except OSError as error:
        raise DeliveryError(f"The hook command '{command[0]}' cannot be run: {error.strerror}") from None
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        children.kill(process, grace_s=_GRACE_S)
        raise DeliveryError(f"The hook command '{command[0]}' took longer than {timeout_s:g} s") from None
    children.release(process)
    return code


def _tail_of(errors: IO[bytes]) -> str:
    errors.seek(max(errors.seek(0, os.SEEK_END) - _SHOWN_ERROR_BYTES, 0))
    return errors.read(_SHOWN_ERROR_BYTES).decode(errors="replace").strip()
