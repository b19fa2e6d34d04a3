"""The dependency graph of a plan's artifacts."""

from collections.abc import Mapping
from graphlib import TopologicalSorter

from waivern.runbooks.model.artifact_definition import ArtifactDefinition


class ExecutionDAG:
    """The dependencies between artifacts. All results keep the order in which the artifacts are defined.

    Raises:
        ValueError: an artifact has an input that is not among `artifacts`.
    """

    def __init__(self, artifacts: Mapping[str, ArtifactDefinition]) -> None:
        self._inputs = {artifact_id: definition.inputs for artifact_id, definition in artifacts.items()}
        self._dependents: dict[str, list[str]] = {artifact_id: [] for artifact_id in artifacts}
        for artifact_id, inputs in self._inputs.items():
            for needed in inputs:
                if needed not in self._dependents:
                    raise ValueError(f"'{artifact_id}' has the input '{needed}', which is not among the artifacts")
                self._dependents[needed].append(artifact_id)

    @property
    def artifact_ids(self) -> tuple[str, ...]:
        return tuple(self._inputs)

    def get_sorter(self) -> TopologicalSorter[str]:
        """Return a new, prepared sorter: `get_ready` and `done` may be called at once.

        Raises:
            graphlib.CycleError: the artifacts depend on one another in a cycle.
        """
        sorter = TopologicalSorter(dict.fromkeys(self._inputs, ()))  # adding all nodes first fixes their order
        for artifact_id, inputs in self._inputs.items():
            sorter.add(artifact_id, *inputs)
        sorter.prepare()
        return sorter

    def get_inputs(self, artifact_id: str) -> tuple[str, ...]:
        """Return the inputs of the artifact, in the order of its `inputs`."""
        return self._inputs[artifact_id]

    def get_dependents(self, artifact_id: str) -> tuple[str, ...]:
        """Return the artifacts that have this one as a direct input."""
        return tuple(self._dependents[artifact_id])

    def everything_after(self, artifact_id: str) -> frozenset[str]:
        """Return all direct and indirect dependents of the artifact, in time proportional to their number."""
        after: set[str] = set()
        waiting = list(self._dependents[artifact_id])
        while waiting:
            dependent = waiting.pop()
            if dependent not in after:
                after.add(dependent)
                waiting.extend(self._dependents[dependent])
        return frozenset(after)
