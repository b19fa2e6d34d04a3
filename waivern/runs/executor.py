"""Makes the artifacts of a plan in parallel, each as soon as its own inputs are there."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from waivern.artifacts.store import ArtifactStore
from waivern.components.registry import ComponentRegistry
from waivern.errors import RunTakenOverError
from waivern.plans.plan import ExecutionPlan
from waivern.runbooks.model.artifact_definition import RetryConfig
from waivern.runbooks.variables.redaction import Redactor
from waivern.runbooks.variables.substitution import process_environment
from waivern.runs.production import ProductionOrder, Workshop
from waivern.runs.progress import Progress
from waivern.runs.result import ArtifactResult, ExecutionResult
from waivern.runs.run import ArtifactChange, ArtifactStatus, FailedAttempt, RunStatus, SkipReason, utc_now
from waivern.runs.run_log import NoRunLog, RunLog

logger = logging.getLogger(__name__)
retries = logging.getLogger("waivern.runs.retries")
_chance = random.Random()  # noqa: S311  no secret; of its own, so that a component's seed parts nothing less

_SAVES_ON_THEIR_WAY_S = 0.5
_CLOSED_AS = {SkipReason.TIMEOUT: RunStatus.TIMED_OUT, SkipReason.CANCELLED: RunStatus.CANCELLED}

Bridge = Callable[[int], Executor]


def threads(max_workers: int) -> Executor:
    """The bridge from the event loop to blocking components, unless told otherwise."""
    return ThreadPoolExecutor(max_workers, thread_name_prefix="waivern")


class DAGExecutor:
    """Runs plans.

    Args:
        registry: Where components are found, and the artifact store unless given.
        store: Where the artifacts of this run are kept.
        bridge: Makes the `concurrent.futures.Executor` that components run in, given how many may run at once.
        environment: What `${NAME}` stands for; the process's environment unless given.
        keep_messages: Whether results hold their messages; with a store on disk that is memory for nothing.
        clock: Tells the present instant (aware).
    """

    def __init__(
        self,
        registry: ComponentRegistry,
        *,
        store: ArtifactStore | None = None,
        bridge: Bridge = threads,
        environment: Mapping[str, str] | None = None,
        keep_messages: bool = True,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._registry = registry
        self._store = store
        self._bridge = bridge
        self._environment = environment
        self._keep_messages = keep_messages
        self._clock = clock

    async def execute(self, plan: ExecutionPlan, *, run_log: RunLog | None = None) -> ExecutionResult:
        """Make the plan's artifacts and return how each ended.

        A failed artifact skips what is made from it, and nothing else. At the deadline (`config.timeout`) it returns
        at once with what is there; a thread that hangs is left behind, and records nothing when it wakes.

        Raises:
            asyncio.CancelledError: after the run was closed as cancelled.
            DatabaseError, RunTakenOverError: the run could not be recorded, and stopped.
        """
        environment = process_environment() if self._environment is None else self._environment
        store = self._registry.container.get_service(ArtifactStore) if self._store is None else self._store
        workshop = Workshop(
            self._registry,
            store,
            environment=environment,
            redactor=Redactor.for_variables(plan.variables, environment),
            keep_messages=self._keep_messages,
        )
        execution = _Execution(plan, workshop, run_log or NoRunLog(), self._clock, self._bridge)
        already_made = execution.open()
        if not already_made:
            store.clear()
        workers = self._bridge(plan.runbook.config.max_concurrency)
        try:
            return await execution.run(workers)
        finally:
            workers.shutdown(wait=False, cancel_futures=True)


class _Execution:
    """One run of one plan."""

    def __init__(
        self, plan: ExecutionPlan, workshop: Workshop, log: RunLog, clock: Callable[[], datetime], bridge: Bridge
    ) -> None:
        self._plan = plan
        self._workshop = workshop
        self._log = log
        self._clock = clock
        self._bridge = bridge
        self._progress = Progress(plan.dag)
        self._attempts: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        self._started_at = self._loop.time()

    def open(self) -> frozenset[str]:
        already_made = self._log.open(self._plan)
        self._progress = Progress(self._plan.dag, already_made)
        return already_made

    async def run(self, workers: Executor) -> ExecutionResult:
        deadline = asyncio.timeout(self._plan.runbook.config.timeout)
        try:
            async with deadline:
                await self._make_all(workers)
        except TimeoutError:
            if not deadline.expired():
                raise
            return self._close(SkipReason.TIMEOUT)
        except asyncio.CancelledError:
            self._close(SkipReason.CANCELLED)
            raise
        except Exception as error:
            self._abandon(error)
            raise
        return self._close(None)

    async def _make_all(self, workers: Executor) -> None:
        self._log.on_lost(self._lose)
        limit = self._plan.runbook.config.max_concurrency
        while self._progress.is_unfinished:
            for artifact_id in self._progress.take_ready(at_most=limit - self._progress.in_the_making):
                self._begin(workers, artifact_id)
            handle = await self._events.get()
            handle()

    def _lose(self, error: RunTakenOverError) -> None:
        """Give up what another process cancelled, or carries on, as if the error came of an artifact."""
        lost: Future[ArtifactResult | None] = Future()
        lost.set_exception(error)
        self._hand_back(lost)

    def _begin(self, workers: Executor, artifact_id: str) -> None:
        attempt = self._attempts[artifact_id] = self._attempts.get(artifact_id, 0) + 1
        order = ProductionOrder.of(self._plan, artifact_id, attempt=attempt)
        self._note(artifact_id, ArtifactStatus.RUNNING)
        if order.timeout_s is None:
            making = workers.submit(self._workshop.make, order)
        else:
            making = self._begin_with_timeout(order, order.timeout_s)
        making.add_done_callback(self._hand_back)

    def _begin_with_timeout(self, order: ProductionOrder, timeout_s: float) -> "Future[ArtifactResult | None]":
        """Make it in a thread of its own: one that hangs beyond its time is lost, and must be none of the others'."""
        worker = self._bridge(1)
        making: Future[ArtifactResult | None] = worker.submit(self._workshop.make, order)
        worker.shutdown(wait=False)
        self._loop.call_later(timeout_s, self._events.put_nowait, partial(self._give_up, order, self._clock()))
        return making

    def _give_up(self, order: ProductionOrder, started_at: datetime) -> None:
        """Count an attempt as failed that has not ended in its time; what it still gives is not taken."""
        if self._workshop.gate.shut_for(order.key):
            took = (self._clock() - started_at).total_seconds()
            error = f"it took longer than {order.timeout_s:g} s"
            self._record(ArtifactResult(order.artifact_id, False, None, error, took, order.attempt))

    def _hand_back(self, making: "Future[ArtifactResult | None]") -> None:
        with suppress(RuntimeError):  # the loop is closed: this thread hung, and the run ended without it
            self._loop.call_soon_threadsafe(self._events.put_nowait, partial(self._take_back, making))

    def _take_back(self, making: "Future[ArtifactResult | None]") -> None:
        result = making.result()
        if result is not None:
            self._record(result)

    def _record(self, result: ArtifactResult, *, may_be_retried: bool = True) -> None:
        definition = self._plan.runbook.artifacts[result.artifact_id]
        if result.error is not None and (definition.retry is not None or definition.timeout is not None):
            self._note_failed_attempt(result, result.error)
            retry = definition.retry if may_be_retried and not result.is_final else None
            if retry is not None and result.attempts < retry.attempts:
                self._put_off(result, retry)
                return
        self._record_end(result)

    def _put_off(self, result: ArtifactResult, retry: RetryConfig) -> None:
        """Make it again after a while, in which it takes up no worker."""
        delay_s = retry.delay_after(result.attempts, share=_chance.random())
        self._workshop.ended.pop(result.artifact_id, None)
        self._progress.put_off(result.artifact_id)
        make_again = partial(self._progress.make_again, result.artifact_id)
        self._loop.call_later(delay_s, self._events.put_nowait, make_again)
        retries.warning(
            "Attempt %d of %d at artifact '%s' failed, the next follows in %.3g s: %s",
            *(result.attempts, retry.attempts, result.artifact_id, delay_s, result.error),
        )

    def _note_failed_attempt(self, result: ArtifactResult, error: str) -> None:
        ended_at = self._clock()
        started_at = ended_at - timedelta(seconds=result.duration_seconds)
        self._log.record_failed_attempt(FailedAttempt(result.artifact_id, result.attempts, started_at, ended_at, error))

    def _record_end(self, result: ArtifactResult) -> None:
        impossible = self._progress.record(result)
        if result.success:
            self._note(result.artifact_id, ArtifactStatus.SUCCEEDED)
            return
        self._note(result.artifact_id, ArtifactStatus.FAILED, error=result.error)
        optional = self._plan.runbook.artifacts[result.artifact_id].optional
        level = logging.WARNING if optional else logging.ERROR
        kind = "Optional artifact" if optional else "Artifact"
        logger.log(level, "%s '%s' failed: %s", kind, result.artifact_id, result.error)
        for skipped in impossible:
            self._note_skipped(skipped)

    def _close(self, cut_off_by: SkipReason | None) -> ExecutionResult:
        """Let nothing more in, say what was not made, and close the log."""
        if cut_off_by is not None:
            cut_off_by = self._cut_off(cut_off_by)
        status = self._status(cut_off_by)
        self._log.close(status)
        if cut_off_by is not None:
            self._notice_what_was_saved_after_all()
        return ExecutionResult(
            artifacts=self._progress.results,
            skipped=frozenset(self._progress.skipped),
            skip_reasons=self._progress.skipped,
            status=status,
            total_duration_seconds=self._loop.time() - self._started_at,
            skipped_because=self._progress.skipped_because,
        )

    def _cut_off(self, reason: SkipReason) -> SkipReason | None:
        """Skip what has not ended; return the reason, or None where everything has."""
        self._workshop.gate.shut()
        self._workshop.gate.wait_until_empty(at_most_s=_SAVES_ON_THEIR_WAY_S)
        for result in self._ended_unnoticed():
            self._record(result, may_be_retried=False)
        rest = self._progress.skip_the_rest(reason)
        for artifact_id in rest:
            self._note_skipped(artifact_id)
        return reason if rest or reason is SkipReason.CANCELLED else None

    def _notice_what_was_saved_after_all(self) -> None:
        """A save that was slower than our patience may have been committed before the log was closed."""
        self._workshop.gate.wait_until_empty(at_most_s=_SAVES_ON_THEIR_WAY_S)
        for result in self._ended_unnoticed():
            if result.success:
                self._progress.unskip(result)

    def _ended_unnoticed(self) -> list[ArtifactResult]:
        ended = list(self._workshop.ended.values())
        return [result for result in ended if result.artifact_id not in self._progress.results]

    def _status(self, cut_off_by: SkipReason | None) -> RunStatus:
        if cut_off_by is not None:
            return _CLOSED_AS[cut_off_by]
        artifacts = self._plan.runbook.artifacts
        failed = any(
            not result.success and not artifacts[result.artifact_id].optional
            for result in self._progress.results.values()
        )
        return RunStatus.FAILED if failed else RunStatus.SUCCEEDED

    def _abandon(self, error: Exception) -> None:
        """The run cannot be recorded; say so in its record if that works after all."""
        self._workshop.gate.shut()
        with suppress(Exception):
            self._log.close(RunStatus.FAILED, error=self._workshop.redacted(str(error) or type(error).__name__))

    def _note_skipped(self, artifact_id: str) -> None:
        self._note(
            artifact_id,
            ArtifactStatus.SKIPPED,
            skip_reason=self._progress.skipped[artifact_id],
            skipped_because=self._progress.skipped_because.get(artifact_id),
        )

    def _note(
        self,
        artifact_id: str,
        status: ArtifactStatus,
        *,
        error: str | None = None,
        skip_reason: SkipReason | None = None,
        skipped_because: str | None = None,
    ) -> None:
        change = ArtifactChange(artifact_id, status, self._clock(), error, skip_reason, skipped_because)
        self._log.record(change)
