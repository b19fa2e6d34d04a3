"""The events of an archive: their import, and what they prove of its runs, gates and decisions."""

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from waivern.database.archive.archived_records import ArchivedRecords, refused
from waivern.database.connection.batches import batched
from waivern.database.events.decision_events import decisions_in
from waivern.database.events.recorded_changes import RecordedChanges
from waivern.database.events.stored_events import chain_id
from waivern.database.schema.tables import events, imported_events
from waivern.history.events import EventKind, event_hash
from waivern.messages.canonical import canonical_bytes

Event = Mapping[str, Any]
"""A row of `imported_events`; `origin` is the id of the chain that the event belongs to."""

_ENDS_RUN = (EventKind.RUN_CLOSED, EventKind.RUN_RESTORED)
_HASHED = ("seq", "at", "actor", "kind", "previous")


class ArchivedEvents:
    """The events of one archive, each of which has the hash of its content.

    Raises:
        ArchiveError: an event was altered, or does not follow the one before it.
    """

    def __init__(self, records: ArchivedRecords) -> None:
        own = [{"origin": records.origin, **row} for row in records.rows(events)]
        imported = list(records.rows(imported_events))
        # the archived database's own events come last: they are newer than those that it imported
        self._events: list[Event] = [*sorted(imported, key=lambda event: event["at"]), *own]
        _check_hashes(self._events)
        self.recorded = RecordedChanges()
        for event in self._events:
            self.recorded.note(at=event["at"], kind=event["kind"], body=event["body"])
        self._closing = {event["body"].get("run"): event for event in self._events if event["kind"] in _ENDS_RUN}
        self._gates = {
            event["body"].get("run"): event for event in self._events if event["kind"] == EventKind.GATES_EVALUATED
        }
        self._decisions = {
            canonical_bytes(decision): event for event in self._events for decision in decisions_in(event)
        }

    def closing(self, run_id: str) -> Event | None:
        """Return the newest event that recorded the root of a run."""
        return self._closing.get(run_id)

    def gates(self, run_id: str) -> Mapping[str, int] | None:
        """Return the number of violations of a run by gate; None if no event says so."""
        event = self._gates.get(run_id)
        violations = None if event is None else event["body"].get("violations")
        return violations if isinstance(violations, Mapping) else None

    def decision(self, recorded: Mapping[str, Any]) -> Event | None:
        """Return the event that recorded a decision, see `decision_events.recorded`."""
        return self._decisions.get(canonical_bytes(recorded))

    def write(self, connection: sa.Connection, *, run_ids: Collection[str], digests: Collection[str]) -> int:
        """Import the events of other chains that are not here; return their number.

        Raises:
            ArchiveError: an event here with the same number differs, or an event is about something else than the
                archive's runs, contents and decisions.
        """
        own_chain = chain_id(connection)
        new: list[Event] = []
        for batch in batched(self._events):
            here = dict(_hashes_here(connection, batch, own_chain))
            for event in batch:
                if not concerns(event, run_ids, digests):
                    raise refused(f"{_name(event)} is not about the archive's runs")
                known = here.get((event["origin"], event["seq"]))
                if known is None and event["origin"] != own_chain:
                    new.append(event)
                elif known != event["hash"]:
                    raise refused(f"{_name(event)} differs from the one that is here")
        for batch in batched(new):
            connection.execute(sa.insert(imported_events), [dict(event) for event in batch])
        return len(new)


def concerns(event: Event, run_ids: Collection[str], digests: Collection[str], *, decisions: bool = True) -> bool:
    """Return whether an event is about one of these runs or contents, or (with `decisions`) records decisions."""
    body = event["body"]
    if not isinstance(body, Mapping):
        return False
    if body.get("run") in run_ids or any(digest in digests for digest in body.get("digests") or ()):
        return True
    if any(item.get("run") in run_ids for item in body.get("artifacts") or () if isinstance(item, Mapping)):
        return True
    return decisions and any(True for _ in decisions_in(event))


def reference(event: Event) -> dict[str, Any]:
    """Return what an event of this chain records about an event of another one."""
    return {"chain": event["origin"], "seq": event["seq"], "hash": event["hash"]}


def _check_hashes(archived: Collection[Event]) -> None:
    for event in archived:
        fields = {name: event[name] for name in _HASHED}
        is_valid = isinstance(event["origin"], str) and len(event["origin"]) <= 36 and event["seq"] > 0
        if not is_valid or not isinstance(event["body"], Mapping):
            raise refused(f"{_name(event)} is not valid")
        if event_hash(**fields, body=canonical_bytes(event["body"])) != event["hash"]:
            raise refused(f"{_name(event)} was altered: its hash does not match its content")
    in_order = sorted(archived, key=lambda event: (event["origin"], event["seq"]))
    for before, after in pairwise(in_order):
        distance = after["seq"] - before["seq"] if after["origin"] == before["origin"] else None
        if distance == 0 or (distance == 1 and after["previous"] != before["hash"]):
            raise refused(f"{_name(after)} does not follow the event before it")


def _hashes_here(
    connection: sa.Connection, archived: Collection[Event], own_chain: str | None
) -> Iterator[tuple[tuple[str, int], str]]:
    seqs = {event["seq"] for event in archived}
    if own_chain is not None:
        for own in connection.execute(sa.select(events.c.seq, events.c.hash).where(events.c.seq.in_(seqs))):
            yield (own_chain, own.seq), own.hash
    keys = (imported_events.c.origin, imported_events.c.seq, imported_events.c.hash)
    origins = {event["origin"] for event in archived}
    query = sa.select(*keys).where(imported_events.c.seq.in_(seqs), imported_events.c.origin.in_(origins))
    for row in connection.execute(query):
        yield (row.origin, row.seq), row.hash


def _name(event: Event) -> str:
    return f"event {event['seq']} of chain {str(event['origin'])[:40]}"
