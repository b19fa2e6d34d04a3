"""Which artifact is made from which: the shape of a plan."""

from collections.abc import Mapping
from graphlib import TopologicalSorter

from waivern.runbooks.model.artifact_definition import ArtifactDefinition


class ExecutionDAG:
    """The artifacts' dependencies. Every order that it gives is the order in which the artifacts were written.

    Raises:
        ValueError: an artifact is made from one that is not among `artifacts`.
    """

    def __init__(self, artifacts: Mapping[str, ArtifactDefinition]) -> None:
        self._inputs = {artifact_id: definition.inputs for artifact_id, definition in artifacts.items()}
        self._dependents: dict[str, list[str]] = {artifact_id: [] for artifact_id in artifacts}
        for artifact_id, inputs in self._inputs.items():
            for needed in inputs:
                if needed not in self._dependents:
                    raise ValueError(f"'{artifact_id}' is made from '{needed}', which is not among the artifacts")
                self._dependents[needed].append(artifact_id)

    @property
    def artifact_ids(self) -> tuple[str, ...]:
        return tuple(self._inputs)

    def get_sorter(self) -> TopologicalSorter[str]:
        """Return a new sorter, prepared already: `get_ready` and `done` may be called at once.

        Raises:
            graphlib.CycleError: the artifacts are made from one another in a circle.
        """
        sorter = TopologicalSorter(dict.fromkeys(self._inputs, ()))  # all nodes first: that fixes their order
        for artifact_id, inputs in self._inputs.items():
            sorter.add(artifact_id, *inputs)
        sorter.prepare()
        return sorter

    def get_inputs(self, artifact_id: str) -> tuple[str, ...]:
        """Return what the artifact is made from, in the order of its `inputs`."""
        return self._inputs[artifact_id]

    def get_dependents(self, artifact_id: str) -> tuple[str, ...]:
        """Return what is made from the artifact directly."""
        return tuple(self._dependents[artifact_id])

    def everything_after(self, artifact_id: str) -> frozenset[str]:
        """Return what is made from the artifact, directly or through others; its cost is that of what it returns."""
        after: set[str] = set()
        waiting = list(self._dependents[artifact_id])
        while waiting:
            dependent = waiting.pop()
            if dependent not in after:
                after.add(dependent)
                waiting.extend(self._dependents[dependent])
        return frozenset(after)
