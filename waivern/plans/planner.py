"""From a runbook to a plan that can be carried out, or to every reason why it cannot."""

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from waivern.artifacts.store import PastArtifacts
from waivern.components.registry import ComponentRegistry
from waivern.errors import DatabaseError, PlanError, ServiceNotRegisteredError, WaivernError
from waivern.messages.schema import Schema
from waivern.plans.child_interfaces import check_interfaces
from waivern.plans.child_runbooks import ChildRunbookLoader, Level
from waivern.plans.component_checks import ComponentChecks
from waivern.plans.cycles import circles, in_order
from waivern.plans.dag import ExecutionDAG
from waivern.plans.inlining import Spliced, splice
from waivern.plans.plan import ExecutionPlan
from waivern.plans.references import References
from waivern.plans.replay_sources import AbsentSource, EarlierSources
from waivern.plans.schedule_timing import check_schedule
from waivern.plans.schema_resolution import SchemaResolution
from waivern.runbooks.reading.problems import the_first
from waivern.runbooks.reading.runbook_loader import LoadedRunbook, load_runbook, runbook_from_data
from waivern.runbooks.variables.substitution import process_environment


class Planner:
    """Checks a runbook whole before anything of it runs.

    Args:
        registry: Where connectors and analysers are found; only `container`, `connector_factories` and
            `analyser_factories` are asked for.
        environment: What `${NAME}` is looked up in; the process's environment unless given.
        working_directory: Where relative paths in properties are meant from; the runbook's folder unless given.
        earlier: What an earlier run had read, in place of what sources would read now.
    """

    def __init__(
        self,
        registry: ComponentRegistry,
        *,
        environment: Mapping[str, str] | None = None,
        working_directory: Path | None = None,
        earlier: EarlierSources | None = None,
    ) -> None:
        self._earlier = earlier
        self._registry = registry
        self._environment = process_environment() if environment is None else environment
        self._working_directory = working_directory.absolute() if working_directory is not None else None

    def plan(self, runbook_path: Path) -> ExecutionPlan:
        """Return the plan of a runbook's YAML file.

        Raises:
            RunbookError: the file cannot be read, or is no YAML.
            PlanError: it cannot be carried out; `problems` holds every reason with its file and line.
            DatabaseError: it reuses what an earlier run made, and the database cannot be asked for it.
        """
        path = Path(runbook_path)
        problems: list[str] = []
        return self._plan(load_runbook(path, problems=problems), path.absolute().parent, problems)

    def plan_from_dict(self, data: Mapping[str, Any]) -> ExecutionPlan:
        """Return the plan of a runbook given as data; child runbooks are meant from the working directory.

        Raises:
            PlanError: it cannot be carried out; `problems` holds every reason with the keys that lead there.
        """
        problems: list[str] = []
        return self._plan(runbook_from_data(data, problems=problems), self._working_directory or Path.cwd(), problems)

    def _plan(self, loaded: LoadedRunbook, folder: Path, problems: list[str]) -> ExecutionPlan:
        check_schedule(loaded, problems)
        main = Level(loaded, folder)
        children = ChildRunbookLoader(main, problems)
        children.load_below(main)
        references = References(main, problems)
        demands = check_interfaces(main, references, problems)
        spliced = splice(main, references, problems)
        absent: Mapping[str, AbsentSource] = {}
        if self._earlier is not None:
            self._earlier.take_the_place_of_sources(spliced)
            absent = self._earlier.absent
        folders = {each: self._working_directory or level.folder for each, (level, _) in spliced.origins.items()}
        checks = ComponentChecks(self._registry, self._environment)
        components = checks.check(spliced, folders, problems)
        given = {artifact_id: source.schema for artifact_id, source in absent.items()}
        given |= self._find_what_is_reused(spliced, loaded.runbook.name, problems, but=absent)
        given |= {artifact_id: declared.schema_of_input for artifact_id, declared in spliced.defaults.items()}
        problems.extend(_described_circles(spliced))
        resolution = SchemaResolution(
            spliced, order=in_order(spliced.artifacts), components=components, given=given, demands=demands
        )
        schemas = resolution.resolve(problems)
        if problems:
            raise PlanError(the_first(list(dict.fromkeys(problems))), runbook=loaded.runbook.name)
        return ExecutionPlan(
            runbook=loaded.runbook.model_copy(update={"artifacts": spliced.artifacts}),
            dag=ExecutionDAG(spliced.artifacts),
            artifact_schemas={artifact_id: schemas[artifact_id] for artifact_id in spliced.artifacts},
            aliases=spliced.aliases,
            defaults={each: declared.default or {} for each, declared in spliced.defaults.items()},
            absent={artifact_id: source.because for artifact_id, source in absent.items()},
            folders=folders,
            sources=children.sources,
            remarks=_without_effect(main),
            variables=frozenset(checks.variables),
        )

    def _find_what_is_reused(
        self, spliced: Spliced, runbook: str, problems: list[str], *, but: Container[str]
    ) -> dict[str, Schema]:
        """The schemas of what is taken over; the definitions are given the ids of the runs that are meant."""
        schemas: dict[str, Schema] = {}
        for artifact_id, definition in spliced.artifacts.items():
            reuse = definition.reuse
            if reuse is None or artifact_id in but:
                continue
            try:
                past_artifacts = self._registry.container.get_service(PastArtifacts)
                past = past_artifacts.find(from_run=reuse.from_run, artifact_id=reuse.artifact, runbook=runbook)
            except ServiceNotRegisteredError:
                problems.append(spliced.located(artifact_id, "it needs a store that remembers earlier runs", "reuse"))
            except DatabaseError:
                raise  # no fault of the runbook
            except WaivernError as error:
                problems.append(spliced.located(artifact_id, str(error), "reuse"))
            else:
                schemas[artifact_id] = past.schema
                concrete = reuse.model_copy(update={"from_run": past.run_id})
                spliced.artifacts[artifact_id] = definition.model_copy(update={"reuse": concrete})
        return schemas


def _without_effect(main: Level) -> tuple[str, ...]:
    """What nobody would miss before it is too late: that a child's gates hold nothing back."""
    name = main.loaded.runbook.name
    said = f"gates of a child runbook are not tried; write them into '{name}', whose gates are asked about all findings"
    below = (level for level in main.walk() if level.parent is not None and level.loaded.runbook.gates)
    return tuple(dict.fromkeys(level.located(said, "gates") for level in below))


def _described_circles(spliced: Spliced) -> list[str]:
    return [
        spliced.located(circle[0], f"artifacts are made from one another in a circle: {' -> '.join(circle)}", "inputs")
        for circle in circles(spliced.artifacts)
    ]
