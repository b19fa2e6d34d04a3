"""The thread that decides what is due: woken by alarms, by changes of schedules, and by the clock itself being set."""

import heapq
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from waivern.errors import DatabaseUnavailableError
from waivern.runs.run import utc_now
from waivern.schedules.schedule import Schedule
from waivern.schedules.schedule_store import Fired, ScheduleStore
from waivern.service.database_watch import AWAY_S, DatabaseWatch
from waivern.service.tally import Tally
from waivern.service.wake_ups import WakeUps

logger = logging.getLogger(__name__)

_LOOK_S = 1.0
_MOST_AT_ONCE = 100  # schedules in one transaction
_CLOCK_WAS_SET_S = 2.0
_CLOCKS_DIFFER_AT_MOST = timedelta(minutes=10)


class Clock:
    """Queues a run for each due instant of each schedule, once, however many clocks share the database.

    Args:
        store: Where schedules are kept.
        queued: Called when runs were queued, so that workers need not look for them.
        tally: Where is counted what happens.
    """

    def __init__(self, store: ScheduleStore, *, queued: Callable[[], None], tally: Tally) -> None:
        self._store = store
        self._queued = queued
        self._tally = tally
        self._wake_ups = WakeUps(self._wake)
        self._woken: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._due: dict[str, None] = {}
        self._once_more: list[tuple[float, str]] = []
        self._schedules: dict[str, Schedule] = {}
        self._revision: str | None = None
        self._look_at = 0.0
        self._ahead = time.time() - time.monotonic()
        self._is_stopping = False
        self.database = DatabaseWatch("Nothing can be scheduled", tally)
        self.thread = threading.Thread(target=self._run, name="waivern-clock", daemon=True)

    def start(self) -> None:
        """Begin with what was missed, then wait for what becomes due."""
        self._wake_ups.start()
        self.thread.start()

    def stop(self) -> None:
        """Queue nothing more; return when the thread has ended, or after a second."""
        self._is_stopping = True
        self._woken.put(None)
        self.thread.join(timeout=1.0)
        self._wake_ups.close()

    def _wake(self, schedule_id: str) -> None:
        self._woken.put(schedule_id)

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                self._turn()
            except DatabaseUnavailableError as error:
                self.database.failed(error)
                time.sleep(AWAY_S)
            except Exception:
                logger.exception("What is due cannot be decided")
                time.sleep(AWAY_S)

    def _turn(self) -> None:
        self._wait()
        if time.monotonic() >= self._look_at:
            self._look()
            self._look_at = time.monotonic() + _LOOK_S
        while self._due and not self._is_stopping:
            some = list(self._due)[:_MOST_AT_ONCE]
            fired = self._fire(some)
            for schedule_id in some:
                del self._due[schedule_id]
            self._handle(fired)
        self.database.answered()

    def _fire(self, schedule_ids: Sequence[str]) -> Sequence[Fired]:
        """One schedule that cannot be decided must not stop the others; it is tried again when it is due again."""
        try:
            return self._store.fire(schedule_ids)
        except DatabaseUnavailableError:
            raise
        except Exception:
            if len(schedule_ids) > 1:
                return [fired for each in schedule_ids for fired in self._fire([each])]
            schedule = self._schedules.get(schedule_ids[0])
            about = {"schedule": schedule.name if schedule is not None else None}
            logger.exception("What is due cannot be decided", extra=about)
            return []

    def _wait(self) -> None:
        """Wait for an alarm until it is time to look; take along all that have gone off."""
        until = min([self._look_at, *(instant for instant, _ in self._once_more[:1])])
        patience = 0.0 if self._due else max(until - time.monotonic(), 0.0)
        with suppress(queue.Empty):
            self._note(self._woken.get(timeout=patience) if patience else self._woken.get_nowait())
            while True:
                self._note(self._woken.get_nowait())
        while self._once_more and self._once_more[0][0] <= time.monotonic():
            self._note(heapq.heappop(self._once_more)[1])

    def _note(self, schedule_id: str | None) -> None:
        if schedule_id is not None:
            self._due[schedule_id] = None

    def _look(self) -> None:
        """Find out what has changed: the schedules, or the time of day."""
        ahead = time.time() - time.monotonic()
        if abs(ahead - self._ahead) > _CLOCK_WAS_SET_S:
            logger.warning("The clock was set, or the machine slept, by %.0f s", ahead - self._ahead)
            self._wake_ups.look_again()
            self._due.update(dict.fromkeys(self._schedules))
        self._ahead = ahead
        revision = self._store.revision()
        if revision != self._revision:
            self._take_over(self._store.all())
            self._revision = revision

    def _take_over(self, schedules: Sequence[Schedule]) -> None:
        now = {schedule.id: schedule for schedule in schedules}
        for gone in self._schedules.keys() - now.keys():
            self._wake_ups.unset(gone)
            self._due.pop(gone, None)
        for schedule_id, schedule in now.items():
            known = self._schedules.get(schedule_id)
            if known is None or known.changed_at != schedule.changed_at:
                self._wake_ups.set(schedule_id, schedule.definition.timing)
                self._due[schedule_id] = None
        self._schedules = now

    def _handle(self, fired: Sequence[Fired]) -> None:
        for each in fired:
            for due_at, run_id in each.runs.items():
                self._tally.fired((each.decided_at - due_at).total_seconds())
                logger.info("Due at %s", due_at.isoformat(), extra=self._about(each.schedule_id, run_id))
            if each.skipped:
                self._tally.skipped(each.skipped)
            if not each.is_complete:
                self._due[each.schedule_id] = None
            elif not each.runs and not each.skipped:
                self._look_once_more(each)
        if any(each.runs for each in fired):
            self._queued()

    def _look_once_more(self, fired: Fired) -> None:
        """An alarm may go off too early: this machine's clock need not be the database's."""
        schedule = self._schedules.get(fired.schedule_id)
        due_at = schedule.definition.timing.after(fired.decided_at) if schedule is not None else None
        if due_at is not None and due_at <= utc_now() and due_at - fired.decided_at < _CLOCKS_DIFFER_AT_MOST:
            wait_s = (due_at - fired.decided_at).total_seconds()
            heapq.heappush(self._once_more, (time.monotonic() + wait_s, fired.schedule_id))

    def _about(self, schedule_id: str, run_id: str) -> dict[str, object]:
        schedule = self._schedules.get(schedule_id)
        return {"run_id": run_id, "schedule": schedule.name if schedule is not None else None}
