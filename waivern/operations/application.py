"""The application: the storage, the environment and the components of one installation."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from waivern.artifacts.store import PastArtifacts
from waivern.components.container import ServiceContainer, ServiceDescriptor
from waivern.components.registry import ComponentRegistry
from waivern.schedules.hook_commands import HookCommands

if TYPE_CHECKING:  # the ports of a command's storage import what their values are made of
    from waivern.components.partwise import PartResults
    from waivern.history.audit_log import AuditLog
    from waivern.history.current_findings import CurrentFindings
    from waivern.history.decision_log import DecisionLog
    from waivern.history.history import History
    from waivern.history.retention import Retention
    from waivern.runs.run_store import RunStore
    from waivern.runs.service_store import ServiceStore
    from waivern.schedules.schedule_store import ScheduleStore

T = TypeVar("T")


class Storage(Protocol):
    """The ports of one database."""

    @property
    def runs(self) -> "RunStore": ...
    @property
    def history(self) -> "History": ...
    @property
    def schedules(self) -> "ScheduleStore": ...
    @property
    def services(self) -> "ServiceStore": ...
    @property
    def audit(self) -> "AuditLog": ...
    @property
    def decisions(self) -> "DecisionLog": ...
    @property
    def part_results(self) -> "PartResults": ...
    @property
    def retention(self) -> "Retention": ...
    @property
    def current_findings(self) -> "CurrentFindings": ...
    def close(self) -> None: ...


class Application:
    """What every operation receives.

    Args:
        open_storage: Opens the database; called once, when it is first needed, so that commands that need no database
            work without one.
        environment: Where `${NAME}` in a runbook is looked up.
        hook_commands: The hook commands that schedules may run.
        timeout_s: The timeout of a run that a person starts, if its runbook sets none; None: it has no limit.
        service_timeout_s: The same of a run that a service executes.
    """

    def __init__(
        self,
        *,
        open_storage: Callable[[], Storage],
        environment: Mapping[str, str],
        hook_commands: HookCommands,
        timeout_s: float | None = None,
        service_timeout_s: float | None = None,
    ) -> None:
        self._open_storage = open_storage
        self.environment = environment
        self.hook_commands = hook_commands
        self.timeout_s = timeout_s
        self.service_timeout_s = service_timeout_s

    @functools.cached_property
    def storage(self) -> Storage:
        return self._open_storage()

    def close(self) -> None:
        """Close the database, if it was opened."""
        if "storage" in self.__dict__:
            self.storage.close()

    @functools.cached_property
    def registry(self) -> ComponentRegistry:
        """The components, discovered once; their container provides the artifacts of past runs."""
        container = ServiceContainer()
        container.register(ServiceDescriptor(PastArtifacts, _Deferred(lambda: self.storage.history)))
        return ComponentRegistry(container)


@dataclass(frozen=True)
class _Deferred(Generic[T]):
    """A service factory that calls a function when the service is first needed."""

    factory: Callable[[], T]

    def create(self) -> T:
        return self.factory()
