"""Running git so that nothing in a repository or an address can make it do anything else."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from waivern.connectors.git.addresses import Credentials
from waivern.errors import ComponentError
from waivern.processes import children
from waivern.processes.environment import basic_environment, inherited_tree

_INHERITED = (
    *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "KRB5CCNAME", "KRB5_CONFIG", "DBUS_SESSION_BUS_ADDRESS", "GNUPGHOME"),
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT"),
)
_INHERITED_PREFIXES = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_SSL_", "GIT_PROXY_SSL_")
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
    "GIT_ASKPASS": "true",  # a program that prints nothing: no one can answer a prompt
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
            children.kill(process)
        if process.returncode != 0:
            raise GitError(errors.decode("utf-8", "replace").strip())
        return output

    def start(self, *arguments: str, silent: bool = False) -> "subprocess.Popen[bytes]":
        """Start a git command with pipes; end it with `children.kill`."""
        program = shutil.which("git")
        if program is None:
            raise ComponentError("The program git is not installed", remedy="Install git 2.31 or newer")
        pipe = subprocess.PIPE
        return children.start(  # arguments from a runbook are checked, and follow `--`
            [program, f"--git-dir={self.repository}", *arguments],
            environment=self._environment(),
            working_directory="/",
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL if silent else pipe,
        )

    def _environment(self) -> dict[str, str]:
        """Return what git inherits, and settings that take precedence over the user's."""
        variables = basic_environment(names=_INHERITED, prefixes=_INHERITED_PREFIXES)
        settings = [*_certificate_settings(variables), *_settings_in(variables), *_SAFE_CONFIG.items()]
        if self.credentials is not None:
            settings += [
                ("credential.helper", ""),
                (f"credential.{self.credentials.origin}.helper", _CREDENTIAL_HELPER),
            ]
            variables |= {"WAIVERN_GIT_USER": self.credentials.user, "WAIVERN_GIT_PASSWORD": self.credentials.password}
        return {**variables, **_SAFE_ENVIRONMENT, **_as_variables(settings), **inherited_tree()}


def _certificate_settings(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield settings for the variables of OpenSSL, which git itself ignores; settings for one server precede them."""
    for name, setting in (("SSL_CERT_FILE", "http.sslCAInfo"), ("SSL_CERT_DIR", "http.sslCAPath")):
        if environment.get(name):
            yield setting, environment[name]


def _settings_in(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the settings in GIT_CONFIG_KEY_0 and so on, as far as they are complete."""
    count = environment.get("GIT_CONFIG_COUNT", "")
    for number in range(int(count) if count.isascii() and count.isdigit() else 0):
        name, value = environment.get(f"GIT_CONFIG_KEY_{number}"), environment.get(f"GIT_CONFIG_VALUE_{number}")
        if name is None or value is None:
            break
        yield name, value


def _as_variables(settings: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Return settings as environment variables for git."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables
