"""One run whole as a JSON object: what `history.records_as_json` says of its parts, joined."""

from collections.abc import Mapping
from typing import Any

from waivern.history.records_as_json import (
    artifact_as_json,
    attempt_as_json,
    failed_attempt_as_json,
    instant_as_json,
    run_as_json,
)
from waivern.operations.runs.show_history import RunDetails

__all__ = ["artifact_as_json", "details_as_json", "instant_as_json", "run_as_json"]


def details_as_json(details: RunDetails) -> dict[str, Any]:
    """Return one run whole: `artifacts` is the list of its artifacts, and their numbers are `artifact_counts`."""
    run = run_as_json(details.run)
    counts = run["artifacts"]
    return {
        **run,
        "artifacts": [artifact_as_json(artifact) for artifact in details.artifacts],
        "artifact_counts": counts,
        "run_attempts": [attempt_as_json(attempt) for attempt in details.attempts],
        "failed_attempts": [failed_attempt_as_json(attempt) for attempt in details.failed_attempts],
        "gates": gates_as_json(details.gates),
    }


def gates_as_json(gates: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return by how much each gate of a run tripped as a JSON array."""
    return [{"gate": gate, "tripped": number} for gate, number in gates.items()]
