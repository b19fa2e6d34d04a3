"""Say what a plan will make, in which order, without anything of it being resolved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from waivern.messages.schema import Schema
from waivern.plans.plan import ExecutionPlan, kind_and_component


@dataclass(frozen=True)
class PlannedArtifact:
    """One artifact as it will be made.

    Args:
        artifact_id: Its final id.
        kind: "source", "process", "merge", "reuse" or "default".
        component: The connector's or analyser's name; for `reuse` "RUN/ARTIFACT", for `merge` "concatenate",
            for `default` "input".
        inputs: What it is made from.
        input_schemas: The schemas of the messages that an analyser is handed.
        schema: Its own.
        output: Whether it belongs to the results.
        optional: Whether its failure leaves the run succeeded.
        aliases: The names by which a runbook refers to what its child runbook makes.
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
    """A plan in plain words; `artifacts` stand in an order in which they could be made one by one."""

    runbook: str
    description: str
    digest: str
    timeout_s: float | None
    max_concurrency: int
    variables: tuple[str, ...]
    artifacts: tuple[PlannedArtifact, ...]


def describe_plan(plan: ExecutionPlan) -> PlanDescription:
    """Return what the plan will make."""
    aliases: dict[str, list[str]] = {}
    for alias, meant in plan.aliases.items():
        aliases.setdefault(meant, []).append(alias)
    return PlanDescription(
        runbook=plan.runbook.name,
        description=plan.runbook.description,
        digest=plan.digest,
        timeout_s=plan.runbook.config.timeout,
        max_concurrency=plan.runbook.config.max_concurrency,
        variables=tuple(sorted(plan.variables)),
        artifacts=tuple(_planned(plan, artifact_id, aliases.get(artifact_id, ())) for artifact_id in _in_order(plan)),
    )


def _in_order(plan: ExecutionPlan) -> Iterator[str]:
    sorter = plan.dag.get_sorter()
    while sorter.is_active():
        ready = sorter.get_ready()
        yield from ready
        sorter.done(*ready)


def _planned(plan: ExecutionPlan, artifact_id: str, aliases: Iterable[str]) -> PlannedArtifact:
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
