"""The program git, run such that nothing in a repository or an address makes it do more than it is asked to."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from waivern.connectors.git.addresses import Login
from waivern.errors import ComponentError

_SAFE = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.version": "2",
}
_SURROUNDINGS = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",  # a program that says nothing: nobody is there to be asked
    "SSH_ASKPASS": "true",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",  # not ext, which runs a command
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_ANSWER = """!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$WAIVERN_LOGIN" "$WAIVERN_ENTRY"; }; f"""
_KILLED_WITHIN_S = 5.0


class GitError(Exception):
    """The program git ended with an error; the text is what it said."""


@dataclass(frozen=True)
class Git:
    """The program, in one repository, and until when it may run.

    Args:
        repository: The folder of the repository, which is bare and ours.
        until: When it is ended, by the monotonic clock.
        login: What a server at its origin is told if it asks. It goes by the environment of the process: arguments
            can be read by everybody on a machine, and files stay.
    """

    repository: Path
    until: float
    login: Login | None = field(default=None, repr=False)

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """Return what a git command writes, having been given something to read.

        Raises:
            GitError: it failed.
            TimeoutError: it took too long, and was ended with all that it started.
            ComponentError: git is not installed.
        """
        process = self.start(*arguments)
        try:
            written, said = process.communicate(given, timeout=max(self.until - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            end(process)
        if process.returncode != 0:
            raise GitError(said.decode("utf-8", "replace").strip())
        return written

    def start(self, *arguments: str, silent: bool = False) -> "subprocess.Popen[bytes]":
        """Start a git command, with pipes to and from it, in a process group of its own: see `end`."""
        program = shutil.which("git")
        if program is None:
            raise ComponentError("The program git is not installed", remedy="Install git 2.31 or newer")
        pipe = subprocess.PIPE
        return subprocess.Popen(  # noqa: S603  what comes from a runbook stands after `--`, and is checked before
            [program, f"--git-dir={self.repository}", *arguments],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL if silent else pipe,
            env=self._environment(),
            cwd="/",
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        """What the user has set, such as proxies, without what would make git do or tell other things."""
        given = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SSH_ASKPASS"))}
        settings = list(_SAFE.items())
        if self.login is not None:
            settings += [("credential.helper", ""), (f"credential.{self.login.origin}.helper", _ANSWER)]
            given |= {"WAIVERN_LOGIN": self.login.user, "WAIVERN_ENTRY": self.login.password}
        return {**given, **_SURROUNDINGS, **_as_variables(settings)}


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all that it started, and close its pipes."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_KILLED_WITHIN_S)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _as_variables(settings: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Settings as git takes them out of the environment."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables
