"""Queue runs of a schedule for past scheduled times that have none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from waivern.errors import ScheduleError
from waivern.operations.application import Application
from waivern.runs.run import utc_now
from waivern.schedules.timing import due_between

MAX_TIMES = 10_000
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)  # the first day that datetime can show in every time zone


@dataclass(frozen=True)
class Backfilled:
    """A scheduled time that had no run, and the run queued for it (None in a dry run)."""

    due_at: datetime
    run_id: str | None


def backfill(
    application: Application, name: str, *, since: datetime, until: datetime, dry_run: bool = False
) -> Sequence[Backfilled]:
    """Queue a run for each past scheduled time from `since` to `until` (both aware, inclusive) that has none.

    Raises:
        ScheduleError: there is no such schedule, `since` is after `until`, or more than 10,000 times are due.
    """
    if since > until:
        raise ScheduleError("--from is later than --to", remedy="Give a --from before --to")
    store = application.storage.schedules
    schedule = store.find(name)
    just_before = max(since, _EARLIEST) - datetime.resolution
    past = due_between(schedule.definition.timing, after=just_before, until=min(until, utc_now()))
    due = list(islice(past, MAX_TIMES + 1))
    if len(due) > MAX_TIMES:
        raise ScheduleError(
            f"'{name}' was due more than {MAX_TIMES:,} times in that period", remedy="Backfill it in parts"
        )
    if dry_run:
        return [Backfilled(due_at, None) for due_at in store.times_without_run(schedule.id, due)]
    return [Backfilled(due_at, run_id) for due_at, run_id in store.backfill(schedule.id, due).items()]
