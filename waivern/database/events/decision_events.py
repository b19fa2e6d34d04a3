"""Decisions as events record them."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from waivern.database.connection.column_types import escape_text
from waivern.history.events import EventKind
from waivern.history.merkle import hashable

_COLUMNS = (
    *("runbook_name", "fingerprint", "rule", "location", "verdict", "reason", "owner", "until"),
    *("origin", "decided_at", "decided_by"),
)


def recorded(decision: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of `decisions` as events record it: every column but `seq` that is not null."""
    values = {name: decision[name] for name in _COLUMNS if decision[name] is not None}
    for name, value in values.items():
        if name == "decided_at" or not isinstance(value, str):
            is_day = isinstance(value, date) and not isinstance(value, datetime)
            values[name] = value.isoformat() if is_day else hashable(value)
    return values


def decisions_in(event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the decisions that an event recorded, each as `recorded` returns it.

    Args:
        event: The columns of an event; `at` is the time at which decisions that name no other time were made.
    """
    body: Any = event["body"]
    decisions: Any = None
    match event["kind"]:
        case EventKind.DECISION_MADE:
            decisions = [body]
        case EventKind.DECISION_FILE_USED:
            decisions = body.get("decisions")
        case EventKind.DECISION_RESTORED:
            decisions = [body.get("decision")]
    for decision in decisions if isinstance(decisions, list) else ():
        if isinstance(decision, Mapping):
            with_time = {"decided_at": hashable(event["at"]), **decision}
            # a row holds what a database accepts, an event the text as it was given
            yield {name: escape_text(value) if isinstance(value, str) else value for name, value in with_time.items()}
