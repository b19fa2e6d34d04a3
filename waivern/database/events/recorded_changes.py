"""What events say that tables must hold: deleted contents, decisions, schedules and results of gates."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from waivern.database.events.decision_events import decisions_in
from waivern.history.events import EventKind, iso_instant
from waivern.history.merkle import hashable
from waivern.messages.canonical import canonical_bytes

Deletion = tuple[str, str]
"""When an artifact's content was given up (as `hashable` returns it), and why."""

_STATUS = {
    EventKind.SCHEDULE_ADDED: "active",
    EventKind.SCHEDULE_RESUMED: "active",
    EventKind.SCHEDULE_PAUSED: "paused",
    EventKind.SCHEDULE_REMOVED: "removed",
    EventKind.SCHEDULE_RESTORED: "removed",
}


@dataclass
class RecordedSchedule:
    """The state of a schedule after its last event."""

    settings: dict[str, Any]
    status: str = ""
    paused_because: str | None = None
    created_at: str | None = None
    removed_at: str | None = None


@dataclass
class RecordedChanges:
    """What a chain of events recorded; `note` takes its events in order."""

    pruned: dict[tuple[str, str], Deletion] = field(default_factory=dict)
    erased: dict[str, set[Deletion]] = field(default_factory=lambda: defaultdict(set))
    deleted: set[str] = field(default_factory=set)
    gates: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    schedules: dict[str, RecordedSchedule] = field(default_factory=dict)
    decisions: list[bytes] = field(default_factory=list)
    decision_files: list[bytes] = field(default_factory=list)

    def note(self, *, at: Any, kind: Any, body: Mapping[str, Any]) -> None:
        """Take an event; a body that is not as Waivern writes it records nothing, and its hash is not valid either."""
        at = str(hashable(at))
        match kind:
            case EventKind.CONTENTS_PRUNED:
                for item in _mappings(body.get("artifacts")):
                    self.pruned[str(item.get("run")), str(item.get("artifact_id"))] = (at, str(item.get("reason")))
            case EventKind.CONTENTS_ERASED:
                for digest in _texts(body.get("digests")):
                    self.erased[digest].add((at, f"erased: {body.get('reason')}"))
            case EventKind.CONTENTS_DELETED:
                self.deleted.update(_texts(body.get("digests")))
            case EventKind.GATES_EVALUATED:
                self.gates[str(body.get("run"))] = _mapping(body.get("violations"))
            case EventKind.RUN_RESTORED:
                self.gates[str(body.get("run"))] = _mapping(body.get("gates"))
            case EventKind.DECISION_MADE | EventKind.DECISION_FILE_USED | EventKind.DECISION_RESTORED:
                self._note_decisions(at, kind, body)
            case _ if str(kind).startswith("schedule."):
                self._note_schedule(at, kind, body)

    def expects_deletion(self, run_id: str, artifact_id: str, digest: str, deletion: Deletion) -> bool:
        """Return whether events say that an artifact's content was given up at this time for this reason."""
        return self.pruned.get((run_id, artifact_id)) == deletion or deletion in self.erased.get(digest, ())

    def _note_decisions(self, at: str, kind: str, body: Mapping[str, Any]) -> None:
        for decision in decisions_in({"at": at, "kind": kind, "body": body}):
            self.decisions.append(canonical_bytes(decision))
        if kind == EventKind.DECISION_FILE_USED:
            names = ("runbook_name", "name", "digest", "run_id")
            self.decision_files.append(canonical_bytes([*(body.get(name) for name in names), at]))

    def _note_schedule(self, at: str, kind: str, body: Mapping[str, Any]) -> None:
        schedule_id = str(body.get("schedule"))
        if kind in (EventKind.SCHEDULE_ADDED, EventKind.SCHEDULE_RESTORED):
            self.schedules[schedule_id] = RecordedSchedule(_settings(body), created_at=at)
        schedule = self.schedules.setdefault(schedule_id, RecordedSchedule({}))
        if kind == EventKind.SCHEDULE_REMOVED:
            schedule.removed_at = at
        if kind == EventKind.SCHEDULE_RESTORED:
            schedule.created_at, schedule.removed_at = _instant(body, "created_at"), _instant(body, "removed_at")
        if kind in (EventKind.SCHEDULE_CHANGED, EventKind.SCHEDULE_CLOCK_CORRECTED):
            schedule.settings.update(_mapping(body.get("to")))
        schedule.status = _STATUS.get(EventKind(kind), schedule.status) if kind in _STATUS else schedule.status
        because = body.get("because")
        schedule.paused_because = because if isinstance(because, str) else None


def _settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of an added schedule; early development versions recorded them as `terms`."""
    return dict(_mapping(body.get("settings", body.get("terms"))))


def _instant(body: Mapping[str, Any], name: str) -> str | None:
    with suppress(ValueError, TypeError):
        return iso_instant(datetime.fromisoformat(body[name]))
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
