"""Exit codes, error output, and leaving the process even while a component's thread hangs."""

import io
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, NoReturn

import click

from waivern.errors import WaivernError
from waivern.escaping import lines
from waivern.runbooks.variables.watched_environment import WatchedEnvironment

USAGE = 2
GATE_FAILED = 1
INCOMPLETE = 3
INTERRUPTED = 130  # the shells' exit code for a command that Ctrl-C ended

_COMPLETION = "_WAIVERN_COMPLETE"
_THREAD_GRACE_S = 0.1
_SHOW_CURSOR = b"\x1b[?25h"

logger = logging.getLogger(__name__)


def exit_code_of(command: click.Command, arguments: Sequence[str]) -> int:
    """Run a command line, print its error if it fails, and return its exit code."""
    environment = WatchedEnvironment()
    try:
        if os.environ.get(_COMPLETION):
            return _complete(command)
        colours = False if os.environ.get("NO_COLOR") else None
        with command.make_context("waivern", list(arguments), obj=environment, color=colours) as context:
            command.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        _show_usage_error(error)
        return USAGE
    except WaivernError as error:
        show_error(environment.redact(error.happened), environment.redact(error.remedy or ""))
        return error.exit_code
    except BrokenPipeError:
        silence(sys.stdout)  # the reader of the pipe has closed it
    except (KeyboardInterrupt, EOFError, click.Abort):
        click.echo("Interrupted", err=True)
        return INTERRUPTED
    except (Exception, SystemExit) as error:  # noqa: BLE001  last resort; a plug-in's sys.exit() is not a success
        return _unexpected(error, environment)
    return 0


def _show_usage_error(error: click.ClickException) -> None:
    text = io.StringIO()
    error.show(file=text)
    with suppress(OSError):
        click.echo(lines(text.getvalue()), err=True, nl=False)


def show_error(happened: str, remedy: str = "") -> None:
    """Write an error to standard error, followed by its remedy on a line of its own."""
    with suppress(OSError):
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {lines(happened)}", err=True)
        for line in lines(remedy).splitlines():
            click.echo(f"  {line}", err=True)


def silence(stream: IO[str]) -> None:
    """Redirect a stream without a reader to the null device, so that flushing it raises nothing."""
    with suppress(OSError, ValueError):
        null_device = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null_device, stream.fileno())
        os.close(null_device)


def open_missing_streams() -> None:
    """Open standard streams that were closed at start, as some schedulers do, on the null device."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  stays open until exit


def leave(code: int) -> NoReturn:
    """Exit the process without waiting for hung threads, which the interpreter would otherwise join."""
    _flush()
    if _a_thread_hangs():
        os._exit(code)
    sys.exit(code)


def leave_at_once(code: int) -> NoReturn:
    """Exit the process immediately, as a second Ctrl-C requests."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), _SHOW_CURSOR + b"\n")
    os._exit(code)


def _complete(command: click.Command) -> int:
    from click.shell_completion import shell_complete

    return shell_complete(command, {}, "waivern", _COMPLETION, os.environ[_COMPLETION])


def _unexpected(error: BaseException, environment: WatchedEnvironment) -> int:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    logger.debug("Traceback:", exc_info=error)
    show_error(
        f"{environment.redact(text)}. This is a bug in Waivern or in a plug-in",
        "Set WAIVERN_LOG_LEVEL=DEBUG to see the traceback, and report it",
    )
    return INCOMPLETE


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            silence(stream)


def _a_thread_hangs() -> bool:
    """Return whether a non-daemon thread is still running after a short grace period."""
    deadline = time.monotonic() + _THREAD_GRACE_S
    while _other_threads() and time.monotonic() < deadline:
        time.sleep(0.002)
    return bool(_other_threads())


def _other_threads() -> list[threading.Thread]:
    current = threading.current_thread()
    return [thread for thread in threading.enumerate() if thread is not current and not thread.daemon]
