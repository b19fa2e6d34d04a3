"""Handing a notice to a command."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

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
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as notice:
        notice.write(body)
        notice.seek(0)
        code = _exit_code(command, environment, timeout_s, notice=notice, errors=said)
        if code != 0:
            text = _end_of(said)
            raise DeliveryError(f"The command '{command[0]}' ended with {code}{f': {text}' if text else ''}")


def _exit_code(
    command: Sequence[str], environment: Mapping[str, str], timeout_s: float, *, notice: IO[bytes], errors: IO[bytes]
) -> int:
    """Files, and no pipes: what the program leaves running behind it would hold a pipe open, and us with it."""
    try:
        process = subprocess.Popen(  # noqa: S603  it is the operator's own command
            list(command),
            stdin=notice,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    except OSError as error:
        raise DeliveryError(f"The command '{command[0]}' cannot be run: {error.strerror}") from None
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise DeliveryError(f"The command '{command[0]}' took longer than {timeout_s:g} s") from None


def _end_of(errors: IO[bytes]) -> str:
    errors.seek(max(errors.seek(0, os.SEEK_END) - _SHOWN_OF_ERROR, 0))
    return errors.read(_SHOWN_OF_ERROR).decode(errors="replace").strip()
