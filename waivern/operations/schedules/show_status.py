"""Show the status of an installation: its services, its queue and its running runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from waivern.operations.application import Application
from waivern.runs.service_store import ServiceRecord, Status


@dataclass(frozen=True)
class InstallationStatus:
    """The status, and the `problems` that no service takes care of; none if all is well."""

    status: Status
    problems: Sequence[str]


def show_status(application: Application) -> InstallationStatus:
    """Return the status of the installation."""
    status = application.storage.services.status()
    return InstallationStatus(status, list(_problems(status)))


def _problems(status: Status) -> Iterator[str]:
    alive = [service for service in status.services if service.is_alive]
    if not alive and (status.queued or status.schedules):
        yield "No service is running; start one with `waivern serve`"
        return
    if status.schedules and not any(_has_scheduler(service) for service in alive):
        yield "No service has a scheduler, so schedules are not run; start one with `waivern serve`"
    if status.queued and not any(service.workers for service in alive):
        yield "No service has workers, so queued runs wait; start one with `waivern worker`"


def _has_scheduler(service: ServiceRecord) -> bool:
    return service.kind == "serve"
