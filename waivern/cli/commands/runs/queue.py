"""`waivern status`, `waivern cancel` and `waivern backfill`: the queue of runs."""

from datetime import datetime, timedelta

import click

from waivern.cli.shell.callers import current_caller
from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.shell.time_options import as_end, as_instant
from waivern.cli.terminal.formatting import count, duration, local_time, short_id
from waivern.cli.terminal.output import as_json, remark, write
from waivern.escaping import one_line
from waivern.formats.records_as_json import instant_as_json, run_as_json
from waivern.operations.application import Application
from waivern.operations.runs.cancel_run import cancel_run
from waivern.operations.schedules.backfill import backfill as backfill_schedule
from waivern.operations.schedules.schedules_as_json import status_as_json
from waivern.operations.schedules.show_status import show_status
from waivern.runs.run import utc_now
from waivern.runs.service_store import RunningRun, ServiceRecord, Status

_EXIT_UNATTENDED = 3


@click.command(short_help="Show services, the queue and running runs.")
@database_option
@format_option("text", "json")
@pass_existing
def status(application: Application, output_format: str) -> None:
    """Show services, the queue and running runs.

    The exit code is 3 if there are schedules but no scheduler is running, or queued runs but no worker.
    """
    shown = show_status(application)
    write(as_json(status_as_json(shown.status)) if output_format == "json" else _as_text(shown.status))
    for problem in shown.problems:
        remark(problem)
    if shown.problems:
        click.get_current_context().exit(_EXIT_UNATTENDED)


@click.command(short_help="Cancel a queued or running run.")
@click.argument("run")
@database_option
@format_option("text", "json")
@pass_existing
def cancel(application: Application, run: str, output_format: str) -> None:
    """Cancel a queued or running run.

    Nothing more of it is recorded. RUN is a run's id, a prefix of it, or 'latest'.
    """
    cancelled = cancel_run(application, run, caller=current_caller())
    text = one_line(f"Cancelled run {cancelled.id} of '{cancelled.runbook}'")
    write(as_json(run_as_json(cancelled)) if output_format == "json" else text)


@click.command(short_help="Queue runs for past scheduled times.")
@click.argument("name")
@click.option("--from", "since", callback=as_instant, required=True, metavar="TIME", help="First time to include.")
@click.option(
    "--to",
    "until",
    callback=as_end,
    metavar="TIME",
    help="Last time to include; a date means its end [now].",
)
@click.option("--dry-run", is_flag=True, help="Only show which runs would be queued.")
@database_option
@format_option("text", "json")
@pass_existing
def backfill(
    application: Application, name: str, since: datetime, until: datetime | None, dry_run: bool, output_format: str
) -> None:
    """Queue runs for past scheduled times of a schedule that have none.

    A runbook can read the scheduled time of its run from ${WAIVERN_DUE_AT}.

    \b
    Example:
      waivern backfill nightly --from 2026-11-01 --to 2026-11-14 --dry-run
    """
    runs = backfill_schedule(application, name, since=since, until=until or utc_now(), dry_run=dry_run)
    if output_format == "json":
        write(as_json([{"due_at": instant_as_json(run.due_at), "run_id": run.run_id} for run in runs]))
        return
    lines = [f"{local_time(run.due_at)}  {short_id(run.run_id) if run.run_id else ''}".rstrip() for run in runs]
    verb = "would be queued" if dry_run else "queued"
    write("\n".join([*lines, f"{count(len(runs), 'run')} {verb}"]))


def _as_text(status: Status) -> str:
    services = [f"  {_service(service, status)}" for service in status.services] or ["  none"]
    lines = ["Services:", *services, f"Queue: {count(status.queued, 'run')} waiting{_oldest(status)}", "Running:"]
    return "\n".join([*lines, *([f"  {_running(run, status)}" for run in status.running] or ["  none"])])


def _service(service: ServiceRecord, status: Status) -> str:
    if service.is_alive:
        state = f"alive since {local_time(service.started_at)}"
    elif service.stopped_at is not None:
        state = f"stopped at {local_time(service.stopped_at)}"
    else:
        state = f"gone; last heartbeat {_ago(status, service.heartbeat_at)} ago"
    return one_line(f"{service.kind} on {service.host}, PID {service.pid}, {count(service.workers, 'worker')}: {state}")


def _oldest(status: Status) -> str:
    return "" if status.oldest_queued_at is None else f", the oldest for {_ago(status, status.oldest_queued_at)}"


def _running(run: RunningRun, status: Status) -> str:
    since = "just claimed" if run.started_at is None else f"for {_ago(status, run.started_at)}"
    stale = "; no heartbeat" if run.lease_until < status.now else ""
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    worker = f"worker {run.host}, PID {run.pid}"
    return one_line(f"{short_id(run.run_id)}  {run.runbook}, {since}, {worker}{attempt}{stale}")


def _ago(status: Status, instant: datetime) -> str:
    return duration(max(status.now - instant, timedelta()).total_seconds())
