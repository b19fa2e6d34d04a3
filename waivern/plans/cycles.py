"""Topological order of artifacts, and the cycles that prevent one."""

from collections.abc import Mapping

from waivern.runbooks.model.artifact_definition import ArtifactDefinition

MAX_CYCLES_SHOWN = 20


def topological_order(artifacts: Mapping[str, ArtifactDefinition]) -> list[str]:
    """Return the artifacts so that each comes after its inputs, without those in a cycle or derived from one."""
    missing_inputs = {artifact_id: len(definition.inputs) for artifact_id, definition in artifacts.items()}
    dependents: dict[str, list[str]] = {artifact_id: [] for artifact_id in artifacts}
    for artifact_id, definition in artifacts.items():
        for needed in definition.inputs:
            dependents[needed].append(artifact_id)
    order = [artifact_id for artifact_id, missing in missing_inputs.items() if not missing]
    for artifact_id in order:  # the loop appends to the list it walks
        for dependent in dependents[artifact_id]:
            missing_inputs[dependent] -= 1
            if not missing_inputs[dependent]:
                order.append(dependent)
    return order


def find_cycles(artifacts: Mapping[str, ArtifactDefinition]) -> list[list[str]]:
    """Return up to 20 cycles such as [a, b, a], where each artifact has the next as an input.

    No two cycles share an artifact.
    """
    cycles: list[list[str]] = []
    remaining = dict(artifacts)
    while len(cycles) < MAX_CYCLES_SHOWN:
        ordered = set(topological_order(remaining))
        remaining = {
            artifact_id: definition for artifact_id, definition in remaining.items() if artifact_id not in ordered
        }
        if not remaining:
            break
        cycles.append(_first_cycle(remaining))
        remaining = _without(remaining, set(cycles[-1]) | ordered)
    return cycles


def _first_cycle(artifacts: Mapping[str, ArtifactDefinition]) -> list[str]:
    """Follow inputs until an artifact repeats. Every artifact must have an input among `artifacts`."""
    visited: dict[str, int] = {}
    current = next(iter(artifacts))
    while current not in visited:
        visited[current] = len(visited)
        current = next(needed for needed in artifacts[current].inputs if needed in artifacts)
    return [*list(visited)[visited[current] :], current]


def _without(artifacts: Mapping[str, ArtifactDefinition], removed: set[str]) -> dict[str, ArtifactDefinition]:
    return {
        artifact_id: definition.model_copy(
            update={"inputs": tuple(needed for needed in definition.inputs if needed not in removed)}
        )
        for artifact_id, definition in artifacts.items()
        if artifact_id not in removed
    }
