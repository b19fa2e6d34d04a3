"""Ask how an installation stands: who is there, what waits, what is being run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from waivern.operations.application import Application
from waivern.runs.service_register import ServiceRecord, Status


@dataclass(frozen=True)
class Standing:
    """How it stands, and what nobody sees to; `unattended` is empty where all is well."""

    status: Status
    unattended: Sequence[str]


def show_status(application: Application) -> Standing:
    """Return how the installation stands."""
    status = application.storage.services.status()
    return Standing(status, list(_unattended(status)))


def _unattended(status: Status) -> Iterator[str]:
    alive = [service for service in status.services if service.is_alive]
    if not alive and (status.queued or status.schedules):
        yield "No service is alive; start one with `waivern serve`"
        return
    if status.schedules and not any(_keeps_time(service) for service in alive):
        yield "No service keeps time, so nothing becomes due; start one with `waivern serve`"
    if status.queued and not any(service.workers for service in alive):
        yield "No service has workers, so queued runs wait; start one with `waivern worker`"


def _keeps_time(service: ServiceRecord) -> bool:
    return service.kind == "serve"
