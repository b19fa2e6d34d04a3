"""Artifacts that are made from one another in a circle."""

from collections.abc import Mapping

from waivern.runbooks.model.artifact_definition import ArtifactDefinition

MOST_SHOWN = 20


def in_order(artifacts: Mapping[str, ArtifactDefinition]) -> list[str]:
    """Return the artifacts, each after its inputs; those in a circle, and what is made from them, are left out."""
    waiting_for = {artifact_id: len(definition.inputs) for artifact_id, definition in artifacts.items()}
    dependents: dict[str, list[str]] = {artifact_id: [] for artifact_id in artifacts}
    for artifact_id, definition in artifacts.items():
        for needed in definition.inputs:
            dependents[needed].append(artifact_id)
    order = [artifact_id for artifact_id, missing in waiting_for.items() if not missing]
    for artifact_id in order:  # grows while it is walked
        for dependent in dependents[artifact_id]:
            waiting_for[dependent] -= 1
            if not waiting_for[dependent]:
                order.append(dependent)
    return order


def circles(artifacts: Mapping[str, ArtifactDefinition]) -> list[list[str]]:
    """Return circles such as [a, b, a], each artifact made from the next; no two share an artifact, 20 at the most."""
    found: list[list[str]] = []
    left = dict(artifacts)
    while len(found) < MOST_SHOWN:
        ordered = set(in_order(left))
        left = {artifact_id: definition for artifact_id, definition in left.items() if artifact_id not in ordered}
        if not left:
            break
        found.append(_circle_in(left))
        left = _without(left, set(found[-1]) | ordered)
    return found


def _circle_in(artifacts: Mapping[str, ArtifactDefinition]) -> list[str]:
    """Follow inputs until one comes again: where nothing can be ordered first, each has an input among the rest."""
    passed: dict[str, int] = {}
    current = next(iter(artifacts))
    while current not in passed:
        passed[current] = len(passed)
        current = next(needed for needed in artifacts[current].inputs if needed in artifacts)
    return [*list(passed)[passed[current] :], current]


def _without(artifacts: Mapping[str, ArtifactDefinition], gone: set[str]) -> dict[str, ArtifactDefinition]:
    return {
        artifact_id: definition.model_copy(
            update={"inputs": tuple(needed for needed in definition.inputs if needed not in gone)}
        )
        for artifact_id, definition in artifacts.items()
        if artifact_id not in gone
    }
