"""The planner: from a runbook to an execution plan, or to every problem that prevents one."""

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from waivern.artifacts.store import PastArtifacts
from waivern.components.registry import ComponentRegistry
from waivern.errors import DatabaseError, PlanError, ServiceNotRegisteredError, WaivernError
from waivern.messages.schema import Schema
from waivern.plans.child_interfaces import check_interfaces
from waivern.plans.child_runbooks import ChildRunbookLoader, RunbookNode
from waivern.plans.component_checks import ComponentChecks
from waivern.plans.cycles import find_cycles, topological_order
from waivern.plans.dag import ExecutionDAG
from waivern.plans.inlining import InlinedArtifacts, inline_children
from waivern.plans.plan import ExecutionPlan
from waivern.plans.references import References
from waivern.plans.replay_sources import MissingSource, ReplaySources
from waivern.plans.schedule_timing import check_schedule
from waivern.plans.schema_resolution import SchemaResolution
from waivern.runbooks.reading.problems import truncate_problems
from waivern.runbooks.reading.runbook_loader import LoadedRunbook, load_runbook, runbook_from_data
from waivern.runbooks.variables.substitution import process_environment


class Planner:
    """Checks a whole runbook before anything runs.

    Args:
        registry: The installed connectors and analysers. Only `container`, `connector_factories` and
            `analyser_factories` are used.
        environment: The variables for `${NAME}`; the environment of the process if None.
        working_directory: The folder to which relative paths in properties refer; the runbook's folder if None.
        replay: The sources of an earlier run to use instead of reading the sources now.
    """

    def __init__(
        self,
        registry: ComponentRegistry,
        *,
        environment: Mapping[str, str] | None = None,
        working_directory: Path | None = None,
        replay: ReplaySources | None = None,
    ) -> None:
        self._replay = replay
        self._registry = registry
        self._environment = process_environment() if environment is None else environment
        self._working_directory = working_directory.absolute() if working_directory is not None else None

    def plan(self, runbook_path: Path) -> ExecutionPlan:
        """Return the plan of a runbook's YAML file.

        Raises:
            RunbookError: the file cannot be read, or is not valid YAML.
            PlanError: the runbook has problems; `problems` holds all of them with file and line.
            DatabaseError: the runbook reuses an artifact of an earlier run, and the database cannot be read.
        """
        path = Path(runbook_path)
        problems: list[str] = []
        return self._plan(load_runbook(path, problems=problems), path.absolute().parent, problems)

    def plan_from_dict(self, data: Mapping[str, Any]) -> ExecutionPlan:
        """Return the plan of a runbook given as data. Paths of child runbooks are relative to the working directory.

        Raises:
            PlanError: the runbook has problems; `problems` holds all of them with their key paths.
        """
        problems: list[str] = []
        return self._plan(runbook_from_data(data, problems=problems), self._working_directory or Path.cwd(), problems)

    def _plan(self, loaded: LoadedRunbook, folder: Path, problems: list[str]) -> ExecutionPlan:
        check_schedule(loaded, problems)
        main = RunbookNode(loaded, folder)
        children = ChildRunbookLoader(main, problems)
        children.load_below(main)
        references = References(main, problems)
        required_schemas = check_interfaces(main, references, problems)
        inlined = inline_children(main, references, problems)
        missing_sources: Mapping[str, MissingSource] = {}
        if self._replay is not None:
            self._replay.replace_sources_in(inlined)
            missing_sources = self._replay.missing
        folders = {
            artifact_id: self._working_directory or node.folder for artifact_id, (node, _) in inlined.origins.items()
        }
        checks = ComponentChecks(self._registry, self._environment)
        components = checks.check(inlined, folders, problems)
        known_schemas = {artifact_id: source.schema for artifact_id, source in missing_sources.items()}
        known_schemas |= self._resolve_reused(inlined, loaded.runbook.name, problems, skip=missing_sources)
        known_schemas |= {artifact_id: declared.schema_of_input for artifact_id, declared in inlined.defaults.items()}
        problems.extend(_cycle_problems(inlined))
        resolution = SchemaResolution(
            inlined,
            order=topological_order(inlined.artifacts),
            components=components,
            known_schemas=known_schemas,
            required_schemas=required_schemas,
        )
        schemas = resolution.resolve(problems)
        if problems:
            raise PlanError(truncate_problems(list(dict.fromkeys(problems))), runbook=loaded.runbook.name)
        return ExecutionPlan(
            runbook=loaded.runbook.model_copy(update={"artifacts": inlined.artifacts}),
            dag=ExecutionDAG(inlined.artifacts),
            artifact_schemas={artifact_id: schemas[artifact_id] for artifact_id in inlined.artifacts},
            aliases=inlined.aliases,
            defaults={artifact_id: declared.default or {} for artifact_id, declared in inlined.defaults.items()},
            missing_sources={artifact_id: source.reason for artifact_id, source in missing_sources.items()},
            folders=folders,
            sources=children.sources,
            warnings=_ineffective_gates(main),
            variables=frozenset(checks.variables),
        )

    def _resolve_reused(
        self, inlined: InlinedArtifacts, runbook: str, problems: list[str], *, skip: Container[str]
    ) -> dict[str, Schema]:
        """Return the schemas of reused artifacts, and replace `latest` and prefixes in `from_run` by the run's id."""
        schemas: dict[str, Schema] = {}
        for artifact_id, definition in inlined.artifacts.items():
            reuse = definition.reuse
            if reuse is None or artifact_id in skip:
                continue
            try:
                past_artifacts = self._registry.container.get_service(PastArtifacts)
                past = past_artifacts.find_artifact(
                    from_run=reuse.from_run, artifact_id=reuse.artifact, runbook=runbook
                )
            except ServiceNotRegisteredError:
                problems.append(inlined.problem_at(artifact_id, "reuse needs a database with earlier runs", "reuse"))
            except DatabaseError:
                raise  # not a problem of the runbook
            except WaivernError as error:
                problems.append(inlined.problem_at(artifact_id, str(error), "reuse"))
            else:
                schemas[artifact_id] = past.schema
                concrete = reuse.model_copy(update={"from_run": past.run_id})
                inlined.artifacts[artifact_id] = definition.model_copy(update={"reuse": concrete})
        return schemas


def _ineffective_gates(main: RunbookNode) -> tuple[str, ...]:
    name = main.loaded.runbook.name
    message = f"gates of a child runbook have no effect: move them to '{name}', whose gates check all findings"
    children = (node for node in main.walk() if node.parent is not None and node.loaded.runbook.gates)
    return tuple(dict.fromkeys(node.problem_at(message, "gates") for node in children))


def _cycle_problems(inlined: InlinedArtifacts) -> list[str]:
    return [
        inlined.problem_at(cycle[0], f"artifacts depend on one another in a cycle: {' -> '.join(cycle)}", "inputs")
        for cycle in find_cycles(inlined.artifacts)
    ]
