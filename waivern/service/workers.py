"""Claims queued runs and sees them through, each in a process of its own."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import wait

from waivern.caller import Caller
from waivern.errors import DatabaseUnavailableError
from waivern.operations.runs.execute_claimed import RunOutcome
from waivern.runs.run import RunStatus, utc_now
from waivern.runs.run_store import ClaimedRun, RunStore, StaleRun
from waivern.service.database_watch import AWAY_S, DatabaseWatch
from waivern.service.run_process import Begun, Closed, Done, MakeApplication, Ready, RunProcess, warm_context
from waivern.service.tally import Tally

logger = logging.getLogger(__name__)

_LOOK_S = 0.5
_RECOVER_S = 1.0
_BEATS_A_LEASE = 8
_START_AGAIN_S = 1.0
_GRACE_S = 0.5  # a run closes itself at its deadline, where it can
_KILLED_AT_DEADLINE = "A component did not end at the deadline; its process was ended"

Recording = Callable[[], object]


class Workers:
    """Makes up to `number` runs at a time. All of it happens in one thread of its own; processes do the work.

    Whatever cannot be written because the database is away is written when it is back.

    Args:
        runs: Where runs wait.
        number: How many processes are kept warm.
        make_application: Sets up each process.
        tally: Where is counted what happens.
        caller: Who runs them, for the audit log.
    """

    def __init__(
        self, runs: RunStore, *, number: int, make_application: MakeApplication, tally: Tally, caller: Caller
    ) -> None:
        self._runs = runs
        self._caller = caller
        self._number = number
        self._make_application = make_application
        self._tally = tally
        self._context = warm_context()
        self._processes: list[RunProcess] = []
        self._unrecorded: list[Recording] = []
        self._look_at = self._recover_at = self._database_back_at = self._start_at = 0.0
        self._give_back_at: float | None = None
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._wakes, False)
        os.set_blocking(self._woken, False)
        self.database = DatabaseWatch("Runs cannot be claimed or recorded", tally)
        self.thread = threading.Thread(target=self._run, name="waivern-workers", daemon=True)
        self._watch = threading.Thread(target=self._strike_silent, name="waivern-watch", daemon=True)

    def start(self) -> None:
        """Begin to claim."""
        self.thread.start()
        self._watch.start()

    def wake(self) -> None:
        """Say that a run was queued; called from any thread."""
        with suppress(BlockingIOError):  # it has been told often enough
            os.write(self._wakes, b".")

    def drain(self, within_s: float) -> None:
        """Claim nothing more; after `within_s` seconds give back to the queue what is not done."""
        self._give_back_at = time.monotonic() + within_s
        self.wake()

    def _run(self) -> None:
        while self._give_back_at is None or self._goes_on(self._give_back_at):
            try:
                self._keep_processes()
                self._hear()
                self._end_overdue()
            except Exception:
                logger.exception("The processes of runs cannot be looked after")
                time.sleep(_START_AGAIN_S)
            self._with_database(self._turn)
        for process in self._processes:
            process.kill()

    def _strike_silent(self) -> None:
        """End processes that are stopped, or stuck as a whole, for longer than a lease.

        That happens in a thread of its own: one that was stopped in the middle of a write holds SQLite's lock, and who
        waits for that lock can end nobody.
        """
        while self.thread.is_alive():
            for process in list(self._processes):
                if process.claimed is not None and process.silent_s > self._runs.lease_s:
                    logger.error("The process of the run gives no sign of life", extra=_about(process.claimed))
                    self._tally.killed("no sign of life")
                    process.strike()
            time.sleep(min(self._runs.lease_s / _BEATS_A_LEASE, _LOOK_S))

    def _turn(self) -> None:
        self._record()
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_S
            self._drop_what_is_lost()
        if now >= self._recover_at:
            self._recover_at = now + _RECOVER_S
            for lost in self._runs.reap_stale(caller=self._caller):
                self._tell_lost(lost)
        self._claim()

    def _with_database(self, act: Callable[[], None]) -> None:
        if time.monotonic() < self._database_back_at:
            return
        try:
            act()
        except DatabaseUnavailableError as error:
            self.database.failed(error)
            self._database_back_at = time.monotonic() + AWAY_S
        except Exception:
            logger.exception("The queue of runs cannot be looked after")
            self._database_back_at = time.monotonic() + AWAY_S
        else:
            self.database.answered()

    def _keep_processes(self) -> None:
        while len(self._processes) < self._number and self._give_back_at is None and time.monotonic() >= self._start_at:
            beat_s = self._runs.lease_s / _BEATS_A_LEASE
            self._processes.append(
                RunProcess(self._context, self._make_application, caller=self._caller, beat_s=beat_s)
            )

    def _hear(self) -> None:
        """Wait for what a process says, for its end, or for somebody who wakes us; handle what came."""
        by_object = {process.connection: process for process in self._processes}
        ended = {process.sentinel: process for process in self._processes}
        came = wait([*by_object, *ended, self._woken], timeout=self._patience())
        if self._woken in came:
            with suppress(BlockingIOError):
                os.read(self._woken, 4096)
        for each in came:
            if each in by_object:
                self._listen(by_object[each])
        for each in came:
            if each in ended:
                self._bury(ended[each])

    def _patience(self) -> float:
        """Until something is to be done that nobody tells us of."""
        now = time.monotonic()
        instants = [
            max(self._look_at, self._database_back_at),
            *(process.kill_at for process in self._processes if process.kill_at is not None),
        ]
        if self._give_back_at is not None:
            instants.append(self._give_back_at)
        return min(max(min(instants) - now, 0.01), _LOOK_S)

    def _listen(self, process: RunProcess) -> None:
        with suppress(EOFError, OSError):  # it has ended, which its sentinel tells
            while process.connection.poll():
                self._heard(process, process.connection.recv())

    def _heard(self, process: RunProcess, said: object) -> None:
        match said:
            case Ready():
                process.is_ready = process.was_ready = True
            case Begun():
                if said.timeout_s is not None:
                    process.kill_at = time.monotonic() + said.timeout_s + _GRACE_S
                if process.claimed is not None and process.claimed.due_at is not None:
                    self._tally.started((utc_now() - process.claimed.due_at).total_seconds())
            case Closed():
                process.kill_at = None
            case Done():
                self._through(process, said)

    def _through(self, process: RunProcess, done: Done) -> None:
        claimed, process.claimed, process.kill_at = process.claimed, None, None
        if claimed is None:
            return
        self._tally.ended(done.outcome.value)
        if done.outcome is RunOutcome.DATABASE_UNAVAILABLE:
            self._unrecorded.append(partial(self._runs.release, claimed.run_id, claimed.epoch, caller=self._caller))

    def _bury(self, process: RunProcess) -> None:
        """A process has ended by itself, also at its deadline where we were held up, or was ended by somebody else."""
        self._processes.remove(process)
        self._listen(process)
        how = process.reap()
        claimed = process.claimed
        if not process.was_ready:
            logger.error("A process for runs could not be set up: %s", how)
            self._start_at = time.monotonic() + _START_AGAIN_S
        if claimed is None:
            return
        if process.kill_at is not None and process.kill_at <= time.monotonic():
            self._note_overdue(claimed)
        else:
            logger.error("The run lost its worker: %s", how, extra=_about(claimed))
            self._unrecorded.append(partial(self._lose, claimed, how))

    def _lose(self, claimed: ClaimedRun, how: str) -> None:
        lost = self._runs.fail_attempt(claimed.run_id, claimed.epoch, caller=self._caller, error=how)
        if lost is not None:
            self._tell_lost(lost)

    def _tell_lost(self, lost: StaleRun) -> None:
        self._tally.lost(lost.status.value)
        what = "is queued again" if lost.status is RunStatus.QUEUED else "is interrupted for good"
        logger.warning(
            "Attempt %d of %d came to nothing; the run %s", lost.attempt, lost.max_attempts, what, extra=_of(lost)
        )

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for process in [each for each in self._processes if each.kill_at is not None and each.kill_at <= now]:
            self._note_overdue(self._kill(process, "deadline"))

    def _note_overdue(self, claimed: ClaimedRun) -> None:
        timed_out = partial(
            self._runs.close, status=RunStatus.TIMED_OUT, caller=self._caller, error=_KILLED_AT_DEADLINE
        )
        self._unrecorded.append(partial(timed_out, claimed.run_id, claimed.epoch))

    def _kill(self, process: RunProcess, why: str) -> ClaimedRun:
        assert process.claimed is not None
        self._processes.remove(process)
        process.kill()
        self._tally.killed(why)
        logger.warning("The process of the run was ended: %s", why, extra=_about(process.claimed))
        return process.claimed

    def _record(self) -> None:
        while self._unrecorded:
            recording = self._unrecorded.pop(0)
            try:
                recording()
            except DatabaseUnavailableError:
                self._unrecorded.insert(0, recording)
                raise

    def _drop_what_is_lost(self) -> None:
        """End the processes whose runs were cancelled, or are another's."""
        busy = {process.claimed.run_id: process for process in self._processes if process.claimed is not None}
        states = self._runs.states_of(list(busy)) if busy else {}
        for run_id, process in busy.items():
            state, claimed = states.get(run_id), process.claimed
            if claimed is None or (
                state is not None and (state.epoch, state.status) == (claimed.epoch, RunStatus.RUNNING)
            ):
                continue
            if state is None or state.epoch != claimed.epoch:  # else it has ended, and is about to say so
                self._kill(process, "it was cancelled or changed hands")

    def _claim(self) -> None:
        for process in self._processes:
            if self._give_back_at is None and process.is_ready and process.claimed is None:
                claimed = self._runs.claim()
                if claimed is None:
                    return
                self._tally.claimed()
                logger.info("Attempt %d begins", claimed.attempt, extra=_about(claimed))
                process.give(claimed)

    def _goes_on(self, give_back_at: float) -> bool:
        """Say whether there is still something to wait for while draining; at the end of it, give back."""
        busy = [process for process in self._processes if process.claimed is not None]
        if busy and time.monotonic() < give_back_at:
            return True
        for process in busy:
            claimed = self._kill(process, "the service stops")
            self._unrecorded.append(partial(self._runs.release, claimed.run_id, claimed.epoch, caller=self._caller))
        self._with_database(self._record)
        return False


def _about(claimed: ClaimedRun) -> dict[str, object]:
    return {"run_id": claimed.run_id, "schedule": claimed.schedule}


def _of(lost: StaleRun) -> dict[str, object]:
    return {"run_id": lost.run_id}
