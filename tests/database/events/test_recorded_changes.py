"""What events say about schedules, as `verify` compares it with their rows."""

from typing import Any

import pytest

from waivern.database.events.recorded_changes import RecordedChanges

AT = "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("key", ["settings", "terms"])
def test_the_settings_of_a_schedule_are_read_from_its_events_also_under_their_earlier_key(key: str) -> None:
    recorded = RecordedChanges()
    events: list[tuple[str, dict[str, Any]]] = [
        ("schedule.added", {key: {"kind": "cron", "priority": 0}}),
        ("schedule.changed", {"from": {"priority": 0}, "to": {"priority": 5}}),
    ]
    for kind, body in events:
        recorded.note(at=AT, kind=kind, body={"schedule": "a", **body})
    assert recorded.schedules["a"].settings == {"kind": "cron", "priority": 5}
