"""`waivern serve` and `waivern worker`: the service in the foreground."""

import functools
from dataclasses import replace
from datetime import time
from pathlib import Path

import click

from waivern.caller import Caller
from waivern.cli.shell.callers import service_caller, worker_caller
from waivern.cli.shell.options import AnyCommand, current_settings, database_option, log_format_option, pass_application
from waivern.cli.shell.worker_bootstrap import set_up
from waivern.cli.terminal.output import remark
from waivern.errors import UsageError
from waivern.operations.application import Application
from waivern.service.serving import Service, ServiceOptions

_DRAIN_S = 30.0


def _service_options(command: AnyCommand) -> AnyCommand:
    """Add the options of both commands."""
    options = [
        click.option(
            "--drain",
            "drain_s",
            type=click.FloatRange(min=0, max=86_400),
            default=_DRAIN_S,
            show_default=True,
            metavar="SECONDS",
            help="Grace period for runs after SIGTERM.",
        ),
        click.option(
            "--metrics-port",
            type=click.IntRange(0, 65535),
            metavar="PORT",
            help="Port for /healthz and /metrics (Prometheus); 0: any.",
        ),
        click.option(
            "--metrics-host",
            default="127.0.0.1",
            show_default=True,
            metavar="ADDRESS",
            help="Bind address of --metrics-port.",
        ),
        log_format_option,
        database_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(short_help="Run the scheduler and workers.")
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    default=2,
    show_default=True,
    metavar="N",
    help="Runs at a time, each in its own process; 0: schedule only.",
)
@click.option(
    "--runbooks",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Sync schedules with the runbooks of this folder.",
)
@click.option("--no-hook-commands", is_flag=True, help="Run no hook commands.")
@_service_options
@pass_application
def serve(
    application: Application,
    workers: int,
    runbooks: Path | None,
    no_hook_commands: bool,
    drain_s: float,
    metrics_port: int | None,
    metrics_host: str,
) -> None:
    """Queue a run whenever a schedule is due, and execute queued runs.

    Any number of services may share one database: each scheduled time has one run, and each run one worker. On SIGTERM
    or Ctrl-C runs may finish first; on a second one they return to the queue and the service stops at once.

    \b
    Examples:
      waivern serve --runbooks /etc/waivern/runbooks
      waivern serve --workers 0 --metrics-port 9464
    """
    if runbooks is not None and not runbooks.is_dir():
        raise UsageError(f"There is no folder {runbooks}", remedy="Give --runbooks an existing folder")
    options = ServiceOptions(
        has_scheduler=True,
        workers=workers,
        runbooks=runbooks,
        drain_s=drain_s,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
        runs_hook_commands=not no_hook_commands,
    )
    _serve(application, options, service_caller())


@click.command(short_help="Execute queued runs (no scheduler).")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=2,
    show_default=True,
    metavar="N",
    help="Runs at a time, each in its own process.",
)
@_service_options
@pass_application
def worker(application: Application, workers: int, drain_s: float, metrics_port: int | None, metrics_host: str) -> None:
    """Execute queued runs, without a scheduler.

    \b
    Example:
      waivern worker --workers 4 --db postgresql://waivern@db.example.org/waivern
    """
    options = ServiceOptions(
        has_scheduler=False, workers=workers, drain_s=drain_s, metrics_host=metrics_host, metrics_port=metrics_port
    )
    _serve(application, options, worker_caller())


def _serve(application: Application, options: ServiceOptions, caller: Caller) -> None:
    settings = current_settings()
    prune_at = None if settings.prune_at == "never" else time.fromisoformat(settings.prune_at)
    make_application = functools.partial(set_up, settings)
    service = Service(
        application,
        caller=caller,
        make_application=make_application,
        options=replace(options, prune_at=prune_at),
    )
    service.run(started=lambda: remark("Serving; stop with Ctrl-C"))
