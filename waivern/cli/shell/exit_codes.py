"""How a command ends: its exit code, its error, and nobody who keeps the process from ending."""

import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, NoReturn

import click

from waivern.cli.shell.escaping import lines
from waivern.errors import WaivernError
from waivern.runbooks.variables.watched_environment import WatchedEnvironment

USAGE = 2
TRIPPED = 1
INCOMPLETE = 3
INTERRUPTED = 130  # what shells give for a command that Ctrl-C ended

_COMPLETION = "_WAIVERN_COMPLETE"
_TIME_TO_END_S = 0.1
_SHOW_CURSOR = b"\x1b[?25h"

logger = logging.getLogger(__name__)


def exit_code_of(command: click.Command, arguments: Sequence[str]) -> int:
    """Carry out a command line; print its error, if it has one, and return its exit code."""
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
        error.show()
        return USAGE
    except WaivernError as error:
        show_error(environment.redact(error.happened), environment.redact(error.remedy or ""))
        return error.exit_code
    except BrokenPipeError:
        silence(sys.stdout)  # whoever reads us has seen enough
    except (KeyboardInterrupt, EOFError, click.Abort):
        click.echo("Interrupted", err=True)
        return INTERRUPTED
    except (Exception, SystemExit) as error:  # noqa: BLE001  the last resort; a plug-in's sys.exit() is no success
        return _unexpected(error, environment)
    return 0


def show_error(happened: str, remedy: str = "") -> None:
    """Write an error to standard error, what to do about it in a line of its own."""
    with suppress(OSError):
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {lines(happened)}", err=True)
        for line in lines(remedy).splitlines():
            click.echo(f"  {line}", err=True)


def silence(stream: IO[str]) -> None:
    """Let what is still written to a stream that nobody takes vanish without a word."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def open_missing_streams() -> None:
    """Give a process that was started with closed standard streams, as some schedulers do, ones that lead nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  open to the end


def leave(code: int) -> NoReturn:
    """End the process, without waiting for a thread that hangs: nobody can end it, and the interpreter would wait."""
    _flush()
    if _somebody_hangs():
        os._exit(code)
    sys.exit(code)


def leave_at_once(code: int) -> NoReturn:
    """End the process here and now, as a second Ctrl-C asks for."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), _SHOW_CURSOR + b"\n")
    os._exit(code)


def _complete(command: click.Command) -> int:
    from click.shell_completion import shell_complete

    return shell_complete(command, {}, "waivern", _COMPLETION, os.environ[_COMPLETION])


def _unexpected(error: BaseException, environment: WatchedEnvironment) -> int:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    logger.debug("The traceback:", exc_info=error)
    show_error(
        f"{environment.redact(text)}. This is a bug in Waivern or in a plug-in",
        "See where it comes from with WAIVERN_LOG_LEVEL=DEBUG, and report it",
    )
    return INCOMPLETE


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            silence(stream)


def _somebody_hangs() -> bool:
    """Say whether a thread that the interpreter would wait for is there still; one about to end is given a moment."""
    patience = time.monotonic() + _TIME_TO_END_S
    while _others() and time.monotonic() < patience:
        time.sleep(0.002)
    return bool(_others())


def _others() -> list[threading.Thread]:
    me = threading.current_thread()
    return [each for each in threading.enumerate() if each is not me and not each.daemon]
