"""Running git so that nothing in a repository or an address can make it do anything else."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from waivern.connectors.git.addresses import Credentials
from waivern.errors import ComponentError

_SAFE_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.version": "2",
}
_SAFE_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",  # a program that prints nothing: nobody can answer a prompt
    "SSH_ASKPASS": "true",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",  # not ext, which runs a command
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_CREDENTIAL_HELPER = (
    """!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' """
    """"$WAIVERN_GIT_USER" "$WAIVERN_GIT_PASSWORD"; }; f"""
)
_KILL_TIMEOUT_S = 5.0


class GitError(Exception):
    """git failed; the text is what it printed."""


@dataclass(frozen=True)
class Git:
    """git in one repository, with a deadline.

    Args:
        repository: The path of the local bare repository.
        deadline: When git is killed, on the monotonic clock.
        credentials: What git answers if the server asks. They are passed in the environment of the process: every
            user of the machine can read its arguments, and a file might remain.
    """

    repository: Path
    deadline: float
    credentials: Credentials | None = field(default=None, repr=False)

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run a git command and return its output.

        Raises:
            GitError: it failed.
            TimeoutError: the deadline has passed; git and its child processes were killed.
            ComponentError: git is not installed.
        """
        process = self.start(*arguments)
        try:
            output, errors = process.communicate(stdin, timeout=max(self.deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            kill(process)
        if process.returncode != 0:
            raise GitError(errors.decode("utf-8", "replace").strip())
        return output

    def start(self, *arguments: str, silent: bool = False) -> "subprocess.Popen[bytes]":
        """Start a git command with pipes, in its own process group; see `kill`."""
        program = shutil.which("git")
        if program is None:
            raise ComponentError("The program git is not installed", remedy="Install git 2.31 or newer")
        pipe = subprocess.PIPE
        return subprocess.Popen(  # noqa: S603  arguments from a runbook are checked, and follow `--`
            [program, f"--git-dir={self.repository}", *arguments],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL if silent else pipe,
            env=self._environment(),
            cwd="/",
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        """Return the user's environment, such as proxies, without variables that change what git does or prints."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SSH_ASKPASS"))}
        settings = list(_SAFE_CONFIG.items())
        if self.credentials is not None:
            settings += [
                ("credential.helper", ""),
                (f"credential.{self.credentials.origin}.helper", _CREDENTIAL_HELPER),
            ]
            variables |= {"WAIVERN_GIT_USER": self.credentials.user, "WAIVERN_GIT_PASSWORD": self.credentials.password}
        return {**variables, **_SAFE_ENVIRONMENT, **_as_variables(settings)}


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and its child processes, and close its pipes."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_KILL_TIMEOUT_S)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _as_variables(settings: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Return settings as environment variables for git."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables
