"""Handing a notice to a command."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from waivern.service.webhook import DeliveryError

_SHOWN_OF_ERROR = 300


def run_command(command: Sequence[str], body: bytes, *, environment: Mapping[str, str], timeout_s: float) -> None:
    """Run a program with the notice as its standard input; return when it has ended with exit code 0.

    Args:
        command: The program and its arguments; no shell reads them.
        body: The notice as JSON.
        environment: Variables that it has beside those of the service.
        timeout_s: Seconds after which it is ended, with whatever it started.

    Raises:
        DeliveryError: it could not be started, failed, or took too long.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  it is the operator's own command
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    except OSError as error:
        raise DeliveryError(f"The command '{command[0]}' cannot be run: {error.strerror}") from None
    try:
        _, errors = process.communicate(body, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise DeliveryError(f"The command '{command[0]}' took longer than {timeout_s:g} s") from None
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip()[-_SHOWN_OF_ERROR:]
        raise DeliveryError(f"The command '{command[0]}' ended with {process.returncode}{f': {said}' if said else ''}")
