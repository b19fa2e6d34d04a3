"""Make the runs of a schedule for instants that have passed without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from waivern.errors import ScheduleError
from waivern.operations.application import Application
from waivern.runs.run import utc_now
from waivern.schedules.timing import due_between

MOST_INSTANTS = 10_000
_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)  # the first day that every zone's clock can show


@dataclass(frozen=True)
class Backfilled:
    """One instant that had no run, and the run that was queued for it (None where it would only be)."""

    due_at: datetime
    run_id: str | None


def backfill(
    application: Application, name: str, *, since: datetime, until: datetime, dry_run: bool = False
) -> Sequence[Backfilled]:
    """Queue a run for each past due instant from `since` to `until` (both aware and included) that has none.

    Raises:
        ScheduleError: there is no such schedule, the span is none, or it holds more than 10,000 due instants.
    """
    if since > until:
        raise ScheduleError("The span ends before it begins", remedy="Give --from before --to")
    store = application.storage.schedules
    schedule = store.find(name)
    just_before = max(since, _BEGINNING) - datetime.resolution
    past = due_between(schedule.definition.timing, after=just_before, until=min(until, utc_now()))
    due = list(islice(past, MOST_INSTANTS + 1))
    if len(due) > MOST_INSTANTS:
        raise ScheduleError(
            f"'{name}' was due more than {MOST_INSTANTS:,} times in that span", remedy="Backfill it in parts"
        )
    if dry_run:
        return [Backfilled(instant, None) for instant in store.without_run(schedule.id, due)]
    return [Backfilled(instant, run_id) for instant, run_id in store.backfill(schedule.id, due).items()]
