"""The caller of an operation. It is passed as an argument, so that one process can serve several people."""

from dataclasses import dataclass
from enum import StrEnum


class CallerKind(StrEnum):
    """The kinds of callers: a person, a process of the service, or a program with an API token."""

    USER = "user"
    SERVICE = "service"
    WORKER = "worker"
    TOKEN = "token"  # noqa: S105  a kind of caller, not a secret


@dataclass(frozen=True)
class Caller:
    """Who calls an operation, as recorded in the audit log.

    Args:
        name: For a person at a terminal USER@HOST; for a service or a worker its host.
        kind: What the name belongs to.
    """

    name: str
    kind: CallerKind = CallerKind.USER

    def __str__(self) -> str:
        """Return "user:ann@laptop", the form in which events and tables hold it."""
        return f"{self.kind}:{self.name}"
