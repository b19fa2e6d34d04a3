"""Audit events: their kinds, their fields, and the hash that chains each to the one before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from waivern.errors import MessageError
from waivern.messages.canonical import canonical_bytes, content_of, digest_of

GENESIS_HASH = "0" * 64
"""`previous` of the first event of a chain."""


class EventKind(StrEnum):
    """The kinds of events that the core writes. Plug-ins may append others."""

    CHAIN_STARTED = "chain.started"
    RUN_OPENED = "run.opened"
    RUN_RESUMED = "run.resumed"
    RUN_CLOSED = "run.closed"
    GATES_EVALUATED = "gates.evaluated"
    SCHEDULE_ADDED = "schedule.added"
    SCHEDULE_CHANGED = "schedule.changed"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_RESUMED = "schedule.resumed"
    SCHEDULE_REMOVED = "schedule.removed"
    SCHEDULE_CLOCK_CORRECTED = "schedule.clock_corrected"
    RUN_EXPORTED = "run.exported"
    DECISION_MADE = "decision.made"
    DECISION_FILE_USED = "decision_file.used"
    DECISION_RESTORED = "decision.restored"
    CONTENTS_PRUNED = "contents.pruned"
    CONTENTS_DELETED = "contents.deleted"
    CONTENTS_ENCRYPTED = "contents.encrypted"
    KEYS_ROTATED = "keys.rotated"
    CONTENTS_ERASED = "contents.erased"
    RUNS_ARCHIVED = "runs.archived"
    RUN_RESTORED = "run.restored"
    SCHEDULE_RESTORED = "schedule.restored"
    EVENTS_IMPORTED = "events.imported"


@dataclass(frozen=True)
class Event:
    """One recorded action.

    Args:
        seq: Its number: 1 for the first event, without gaps.
        at: When it was recorded, by the clock of the database (aware).
        actor: Who acted: the caller as text, such as `user:ann@laptop`.
        kind: The kind of action, such as `run.closed`.
        body: The details; its keys depend on the kind.
        previous: The hash of the event before; 64 zeros for the first.
        hash: The SHA-256 of all other fields; see `event_hash`.
    """

    seq: int
    at: datetime
    actor: str
    kind: str
    body: Mapping[str, Any]
    previous: str
    hash: str


def event_hash(*, seq: int, at: datetime, actor: str, kind: str, body: bytes, previous: str) -> str:
    """Return the SHA-256 that chains an event to the one before it.

    The hash covers the canonical JSON (sorted keys, no blanks) of an object with these six keys. `at` is in UTC with
    microseconds; `body` is the canonical JSON that is stored.
    """
    return event_hash_of_stored(body, seq=seq, at=iso_instant(at), actor=actor, kind=kind, previous=previous)


def event_hash_of_stored(body: bytes, **fields: Any) -> str:
    """Return the hash of an event from the values that are stored, whatever their types; see `event_hash`."""
    return digest_of(canonical_bytes({**fields, "body": msgspec.Raw(body)}))


def iso_instant(at: datetime) -> str:
    """Return a time as hashes cover it: 2026-11-25T09:30:00.000000+00:00."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def canonical_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as it is read back: keys sorted, characters that no database accepts as escapes.

    Raises:
        MessageError: `body` is not JSON.
    """
    try:
        return content_of(canonical_bytes(body))
    except MessageError:
        return content_of(canonical_bytes(_without_surrogates(body)))


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case Mapping():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_surrogates(item) for item in value]
        case _:
            return value
