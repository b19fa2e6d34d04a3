"""What happened, in a chain that nobody can alter unseen; the port through which it is written and read."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from waivern.errors import MessageError
from waivern.messages.canonical import canonical_bytes, content_of, digest_of

BEFORE_THE_FIRST = "0" * 64
"""What the first event of a chain names as the hash before it."""

UNNAMED = "unnamed"
"""The actor where whoever acts was not told who that is."""


class EventKind(StrEnum):
    """The kinds of events that the core writes; others may be written, and are chained all the same."""

    CHAIN_BEGUN = "chain.begun"
    RUN_OPENED = "run.opened"
    RUN_RESUMED = "run.resumed"
    RUN_CLOSED = "run.closed"
    GATES_TRIED = "gates.tried"
    SCHEDULE_ADDED = "schedule.added"
    SCHEDULE_CHANGED = "schedule.changed"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_RESUMED = "schedule.resumed"
    SCHEDULE_REMOVED = "schedule.removed"
    RUN_EXPORTED = "run.exported"
    DECISION_MADE = "decision.made"
    DECISION_FILE_USED = "decision_file.used"
    MESSAGES_PRUNED = "messages.pruned"
    CONTENTS_EMPTIED = "contents.emptied"
    CONTENTS_ENCRYPTED = "contents.encrypted"
    KEYS_ROTATED = "keys.rotated"
    CONTENTS_ERASED = "contents.erased"
    RUNS_ARCHIVED = "runs.archived"
    RUN_RESTORED = "run.restored"
    EVENTS_RESTORED = "events.restored"


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Args:
        seq: Its number; the first is 1, and none is left out.
        at: When, by the clock of the database (aware).
        actor: Who did it: USER@HOST for a person at a terminal, `waivern serve@HOST` or `waivern worker@HOST` for a
            service.
        kind: What happened, such as `run.closed`.
        body: What there is to say of it.
        previous: The hash of the event before; 64 zeros for the first.
        hash: SHA-256 of all that, see `hash_of`.
    """

    seq: int
    at: datetime
    actor: str
    kind: str
    body: Mapping[str, Any]
    previous: str
    hash: str


class EventLog(ABC):
    """The chain of events of one installation: it grows at its end, and nothing in it changes."""

    @abstractmethod
    def append(self, *, actor: str, kind: str, body: Mapping[str, Any]) -> Event:
        """Write an event down, in a transaction of its own.

        Raises:
            MessageError: `body` is not JSON.
        """

    @abstractmethod
    def read(
        self, *, after: int = 0, limit: int | None = None, kinds: Collection[str] | None = None
    ) -> Iterator[Event]:
        """Return the events after the one of number `after`, oldest first, page by page."""

    @abstractmethod
    def newest(
        self,
        *,
        limit: int,
        before: int | None = None,
        kinds: Collection[str] | None = None,
        since: datetime | None = None,
    ) -> Sequence[Event]:
        """Return at most `limit` events, newest first: those before number `before`, and not older than `since`."""


def hash_of(*, seq: int, at: datetime, actor: str, kind: str, body: bytes, previous: str) -> str:
    """Return the SHA-256 that chains an event to the one before.

    It is over the canonical JSON (sorted keys, no blanks) of an object of these six, with `at` in UTC to the
    microsecond and `body` as the canonical JSON that is stored.
    """
    return hash_of_said(body, seq=seq, at=instant(at), actor=actor, kind=kind, previous=previous)


def hash_of_said(body: bytes, **said: Any) -> str:
    """Return the hash of an event whose other parts are, right or wrong, as they are hashed; see `hash_of`."""
    return digest_of(canonical_bytes({**said, "body": msgspec.Raw(body)}))


def instant(at: datetime) -> str:
    """Return an instant as it is hashed: 2026-11-25T09:30:00.000000+00:00."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def plain_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as it will be read again, keys sorted; what no database takes in a text is written as an escape."""
    try:
        return content_of(canonical_bytes(body))
    except MessageError:
        return content_of(canonical_bytes(_without_surrogates(body)))


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case Mapping():
            return {_without_surrogates(key): _without_surrogates(each) for key, each in value.items()}
        case list() | tuple():
            return [_without_surrogates(each) for each in value]
        case _:
            return value
