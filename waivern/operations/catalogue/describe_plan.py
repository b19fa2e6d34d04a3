"""Describe what a plan will produce and in which order, without resolving any variable."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from waivern.messages.schema import Schema
from waivern.plans.plan import ExecutionPlan, kind_and_component


@dataclass(frozen=True)
class PlannedArtifact:
    """One artifact of a plan.

    Args:
        artifact_id: Its final id.
        kind: "source", "process", "merge", "reuse" or "default".
        component: The connector's or analyser's name; "RUN/ARTIFACT" for `reuse`, "concatenate" for `merge`, "input"
            for `default`.
        inputs: The artifacts that it is derived from.
        input_schemas: The schemas of the messages that the analyser receives.
        schema: Its own schema.
        output: Whether it is marked as an output.
        optional: Whether the run can succeed although it fails.
        aliases: The names that parent runbooks use for it.
    """

    artifact_id: str
    kind: str
    component: str
    inputs: tuple[str, ...]
    input_schemas: tuple[Schema, ...]
    schema: Schema
    output: bool
    optional: bool
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class PlanDescription:
    """A plan as plain data; `artifacts` are in topological order."""

    runbook: str
    description: str
    digest: str
    timeout_s: float | None
    max_concurrency: int
    variables: tuple[str, ...]
    artifacts: tuple[PlannedArtifact, ...]


def describe_plan(plan: ExecutionPlan) -> PlanDescription:
    """Return the description of a plan."""
    aliases: dict[str, list[str]] = {}
    for alias, artifact_id in plan.aliases.items():
        aliases.setdefault(artifact_id, []).append(alias)
    return PlanDescription(
        runbook=plan.runbook.name,
        description=plan.runbook.description,
        digest=plan.digest,
        timeout_s=plan.runbook.config.timeout,
        max_concurrency=plan.runbook.config.max_concurrency,
        variables=tuple(sorted(plan.variables)),
        artifacts=tuple(
            _describe_artifact(plan, artifact_id, aliases.get(artifact_id, ()))
            for artifact_id in _topological_order(plan)
        ),
    )


def _topological_order(plan: ExecutionPlan) -> Iterator[str]:
    sorter = plan.dag.get_sorter()
    while sorter.is_active():
        ready = sorter.get_ready()
        yield from ready
        sorter.done(*ready)


def _describe_artifact(plan: ExecutionPlan, artifact_id: str, aliases: Iterable[str]) -> PlannedArtifact:
    definition = plan.runbook.artifacts[artifact_id]
    kind, component = kind_and_component(definition)
    input_schemas, schema = plan.artifact_schemas[artifact_id]
    return PlannedArtifact(
        artifact_id=artifact_id,
        kind=kind,
        component=component,
        inputs=tuple(definition.inputs),
        input_schemas=tuple(input_schemas or ()),
        schema=schema,
        output=definition.output,
        optional=definition.optional,
        aliases=tuple(aliases),
    )
