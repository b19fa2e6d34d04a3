"""Which hook commands an installation allows: programs that schedules run with their notifications.

A schedule is stored in the database, which others may be able to change, and its hook command runs as the user of the
service. So what may run is decided where the service is installed, and by default that is nothing.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from waivern.errors import ScheduleError

SETTING = "WAIVERN_HOOK_COMMANDS"
_SEPARATORS = ";\n"
_NONE = "none"
_ANY_ARGUMENTS = "*"


@dataclass(frozen=True)
class HookCommands:
    """The allowed hook commands: each an absolute path and its arguments; `*` at the end allows any further ones."""

    allowed: Sequence[Sequence[str]] = ()

    @classmethod
    def parse(cls, text: str) -> "HookCommands":
        """Return the commands in a text such as `/opt/page --low; /opt/notify *`, quoted as in a shell, or `none`.

        Raises:
            ValueError: a quotation is not closed, or a program is not an absolute path.
        """
        if text == _NONE:
            return cls()
        lexer = shlex.shlex(text, posix=True, punctuation_chars=_SEPARATORS)
        lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t\r", "", True
        commands: list[list[str]] = [[]]
        for word in lexer:
            if word.strip(_SEPARATORS):
                commands[-1].append(word)
            else:
                commands.append([])
        for command in filter(None, commands):
            if not PurePosixPath(command[0]).is_absolute():
                raise ValueError(f"'{command[0]}' is not an absolute path")
        return cls(tuple(tuple(command) for command in commands if command))

    def require(self, command: Sequence[str], *, is_resolved: bool) -> None:
        """Raise an error unless a command is allowed.

        Args:
            command: The program and its arguments.
            is_resolved: Whether `${NAME}` has been replaced; before that, a word with a variable may become any word.

        Raises:
            ScheduleError: it is not allowed.
        """
        if not any(_allows(allowed, command, is_resolved=is_resolved) for allowed in self.allowed):
            raise ScheduleError(
                f"The hook command '{command[0]}' is not allowed, or not with these arguments",
                remedy=f"Add its absolute path and arguments to {SETTING} where the service runs",
            )


def _allows(allowed: Sequence[str], command: Sequence[str], *, is_resolved: bool) -> bool:
    if allowed[1:] and allowed[-1] == _ANY_ARGUMENTS:
        allowed = allowed[:-1]
        command = command[: len(allowed)]
    return len(allowed) == len(command) and all(
        word == pattern or (not is_resolved and "${" in word) for pattern, word in zip(allowed, command, strict=True)
    )
