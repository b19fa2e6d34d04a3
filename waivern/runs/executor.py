"""Runs the artifacts of a plan in parallel, each as soon as its inputs have succeeded."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from waivern.artifacts.store import ArtifactStore
from waivern.components.partwise import PartResults
from waivern.components.registry import ComponentRegistry
from waivern.errors import DatabaseError, RunTakenOverError
from waivern.plans.plan import ExecutionPlan
from waivern.runbooks.model.artifact_definition import RetryConfig
from waivern.runbooks.variables.redaction import Redactor
from waivern.runbooks.variables.substitution import process_environment
from waivern.runs.artifact_runner import ArtifactRunner, ArtifactTask
from waivern.runs.execution_state import ExecutionState
from waivern.runs.executor_factory import ExecutorFactory, thread_pool
from waivern.runs.result import ArtifactResult, ExecutionResult
from waivern.runs.run import ArtifactChange, ArtifactStatus, FailedAttempt, RunStatus, SkipReason, utc_now
from waivern.runs.run_log import NoRunLog, RunLog

logger = logging.getLogger(__name__)
retry_logger = logging.getLogger("waivern.runs.retries")
_jitter = random.Random()  # noqa: S311  separate instance, so random.seed() in a component does not remove the jitter

_COMMIT_GRACE_S = 0.5
_STATUS_OF_CUT_OFF = {SkipReason.TIMEOUT: RunStatus.TIMED_OUT, SkipReason.CANCELLED: RunStatus.CANCELLED}


class DAGExecutor:
    """Executes plans.

    Args:
        registry: The components, and the artifact store unless `store` is given.
        store: Where the artifacts of this run are saved.
        executor_factory: Creates the executor in which components run.
        environment: Where `${NAME}` is looked up; None: in the environment of the process.
        keep_messages: Whether results hold their messages; not needed when the store is on disk.
        part_results: What part-wise analysers found in earlier runs; None: they analyse every part.
        clock: Returns the present instant (aware).
    """

    def __init__(
        self,
        registry: ComponentRegistry,
        *,
        store: ArtifactStore | None = None,
        executor_factory: ExecutorFactory = thread_pool,
        environment: Mapping[str, str] | None = None,
        keep_messages: bool = True,
        part_results: PartResults | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._registry = registry
        self._store = store
        self._executor_factory = executor_factory
        self._environment = environment
        self._keep_messages = keep_messages
        self._part_results = part_results
        self._clock = clock

    async def execute(self, plan: ExecutionPlan, *, run_log: RunLog | None = None) -> ExecutionResult:
        """Run the plan's artifacts and return how each ended.

        A failed artifact skips the artifacts that depend on it, and nothing else. At the deadline (`config.timeout`)
        this returns at once with what has ended; a hung thread is left behind and records nothing when it wakes.

        Raises:
            asyncio.CancelledError: the run was cancelled; it is closed as such.
            DatabaseError, RunTakenOverError: the run could not be recorded, and stopped.
        """
        environment = process_environment() if self._environment is None else self._environment
        store = self._registry.container.get_service(ArtifactStore) if self._store is None else self._store
        runner = ArtifactRunner(
            self._registry,
            store,
            environment=environment,
            redactor=Redactor.for_variables(plan.variables, environment),
            keep_messages=self._keep_messages,
            part_results=self._part_results,
        )
        execution = _Execution(plan, runner, run_log or NoRunLog(), self._clock, self._executor_factory)
        if not execution.open():
            store.clear()
        workers = self._executor_factory(plan.runbook.config.max_concurrency)
        try:
            return await execution.run(workers)
        finally:
            workers.shutdown(wait=False, cancel_futures=True)


class _Execution:
    """One execution of one plan. All its methods run on the event loop, except `_post_result` and `_on_lost`."""

    def __init__(
        self,
        plan: ExecutionPlan,
        runner: ArtifactRunner,
        log: RunLog,
        clock: Callable[[], datetime],
        executor_factory: ExecutorFactory,
    ) -> None:
        self._plan = plan
        self._runner = runner
        self._log = log
        self._clock = clock
        self._executor_factory = executor_factory
        self._state = ExecutionState(plan.dag)
        self._attempts: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        self._started_at = self._loop.time()

    def open(self) -> frozenset[str]:
        """Open the log; return the artifacts that earlier attempts of the run have produced."""
        already_succeeded = self._log.open(self._plan)
        self._state = ExecutionState(self._plan.dag, already_succeeded)
        return already_succeeded

    async def run(self, workers: Executor) -> ExecutionResult:
        deadline = asyncio.timeout(self._plan.runbook.config.timeout)
        try:
            async with deadline:
                await self._run_all(workers)
        except TimeoutError:
            if not deadline.expired():
                raise
            return self._close(SkipReason.TIMEOUT)
        except asyncio.CancelledError:
            self._close(SkipReason.CANCELLED)
            raise
        except Exception as error:
            self._abort(error)
            raise
        return self._close(None)

    async def _run_all(self, workers: Executor) -> None:
        self._log.on_lost(self._on_lost)
        limit = self._plan.runbook.config.max_concurrency
        while self._state.is_unfinished:
            for artifact_id in self._state.pop_ready(limit=limit - self._state.running):
                self._start(workers, artifact_id)
            handle_event = await self._events.get()
            handle_event()

    def _on_lost(self, error: RunTakenOverError) -> None:
        """Raise the error on the event loop, as if it came from an artifact."""
        lost: Future[ArtifactResult | None] = Future()
        lost.set_exception(error)
        self._post_result(lost)

    def _start(self, workers: Executor, artifact_id: str) -> None:
        attempt = self._attempts[artifact_id] = self._attempts.get(artifact_id, 0) + 1
        task = ArtifactTask.of(self._plan, artifact_id, attempt=attempt)
        self._record_change(artifact_id, ArtifactStatus.RUNNING)
        if task.timeout_s is None:
            future = workers.submit(self._runner.run, task)
        else:
            future = self._start_with_timeout(task, task.timeout_s)
        future.add_done_callback(self._post_result)

    def _start_with_timeout(self, task: ArtifactTask, timeout_s: float) -> "Future[ArtifactResult | None]":
        """Run a task in its own thread: a hung thread cannot be reused, so it must not come from the shared pool."""
        worker = self._executor_factory(1)
        future: Future[ArtifactResult | None] = worker.submit(self._runner.run, task)
        worker.shutdown(wait=False)
        on_timeout = partial(self._on_attempt_timeout, task, self._clock())
        self._loop.call_later(timeout_s, self._events.put_nowait, on_timeout)
        return future

    def _on_attempt_timeout(self, task: ArtifactTask, started_at: datetime) -> None:
        """Fail an attempt that has not ended in its time; its late result is refused."""
        if self._runner.gate.refuse(task.key):
            took = (self._clock() - started_at).total_seconds()
            error = f"it took longer than {task.timeout_s:g} s"
            self._on_result(ArtifactResult(task.artifact_id, False, None, error, took, task.attempt))

    def _post_result(self, future: "Future[ArtifactResult | None]") -> None:
        with suppress(RuntimeError):  # the loop is closed: the thread hung, and the run ended without it
            self._loop.call_soon_threadsafe(self._events.put_nowait, partial(self._on_done, future))

    def _on_done(self, future: "Future[ArtifactResult | None]") -> None:
        result = future.result()
        if result is not None:
            self._on_result(result)

    def _on_result(self, result: ArtifactResult, *, may_retry: bool = True) -> None:
        definition = self._plan.runbook.artifacts[result.artifact_id]
        if result.error is not None and (definition.retry is not None or definition.timeout is not None):
            self._record_failed_attempt(result, result.error)
            retry = definition.retry if may_retry and not result.is_final else None
            if retry is not None and result.attempts < retry.attempts:
                self._schedule_retry(result, retry)
                return
        self._record_end(result)

    def _schedule_retry(self, result: ArtifactResult, retry: RetryConfig) -> None:
        """Start the next attempt after a delay, during which the artifact occupies no worker."""
        delay_s = retry.delay_after(result.attempts, share=_jitter.random())
        self._runner.ended.pop(result.artifact_id, None)
        self._state.defer(result.artifact_id)
        requeue = partial(self._state.requeue, result.artifact_id)
        self._loop.call_later(delay_s, self._events.put_nowait, requeue)
        retry_logger.warning(
            "Attempt %d of %d at artifact '%s' failed; the next one starts in %.3g s: %s",
            *(result.attempts, retry.attempts, result.artifact_id, delay_s, result.error),
        )

    def _record_failed_attempt(self, result: ArtifactResult, error: str) -> None:
        ended_at = self._clock()
        started_at = ended_at - timedelta(seconds=result.duration_seconds)
        attempt = FailedAttempt(result.artifact_id, result.attempts, started_at, ended_at, error)
        self._log.record_failed_attempt(attempt)

    def _record_end(self, result: ArtifactResult) -> None:
        skipped = self._state.record(result)
        if result.success:
            self._record_change(result.artifact_id, ArtifactStatus.SUCCEEDED)
            return
        self._record_change(result.artifact_id, ArtifactStatus.FAILED, error=result.error)
        optional = self._plan.runbook.artifacts[result.artifact_id].optional
        level = logging.WARNING if optional else logging.ERROR
        kind = "Optional artifact" if optional else "Artifact"
        logger.log(level, "%s '%s' failed: %s", kind, result.artifact_id, result.error)
        for artifact_id in skipped:
            self._record_skip(artifact_id)

    def _close(self, cut_off_by: SkipReason | None) -> ExecutionResult:
        """Refuse further results, skip what has not ended, and close the log."""
        if cut_off_by is not None:
            cut_off_by = self._cut_off(cut_off_by)
        status = self._final_status(cut_off_by)
        self._log.close(status)
        if cut_off_by is not None:
            self._record_late_saves()
        return ExecutionResult(
            artifacts=self._state.results,
            skipped=frozenset(self._state.skipped),
            skip_reasons=self._state.skipped,
            status=status,
            total_duration_seconds=self._loop.time() - self._started_at,
            skipped_because=self._state.skipped_because,
        )

    def _cut_off(self, reason: SkipReason) -> SkipReason | None:
        """Skip what has not ended; return the reason, or None if everything has ended by now."""
        self._runner.gate.close()
        self._runner.gate.wait_until_idle(timeout_s=_COMMIT_GRACE_S)
        for result in self._unrecorded_results():
            self._on_result(result, may_retry=False)
        unfinished = self._state.skip_unfinished(reason)
        for artifact_id in unfinished:
            self._record_skip(artifact_id)
        return reason if unfinished or reason is SkipReason.CANCELLED else None

    def _record_late_saves(self) -> None:
        """A save may commit after the grace period, but before the log is closed."""
        self._runner.gate.wait_until_idle(timeout_s=_COMMIT_GRACE_S)
        for result in self._unrecorded_results():
            if result.success:
                self._state.record_late_success(result)

    def _unrecorded_results(self) -> list[ArtifactResult]:
        ended = list(self._runner.ended.values())
        return [result for result in ended if result.artifact_id not in self._state.results]

    def _final_status(self, cut_off_by: SkipReason | None) -> RunStatus:
        if cut_off_by is not None:
            return _STATUS_OF_CUT_OFF[cut_off_by]
        artifacts = self._plan.runbook.artifacts
        failed = any(
            not result.success and not artifacts[result.artifact_id].optional for result in self._state.results.values()
        )
        return RunStatus.FAILED if failed else RunStatus.SUCCEEDED

    def _abort(self, error: Exception) -> None:
        """Stop a run that cannot continue; it is interrupted if it only cannot be recorded, and failed otherwise."""
        self._runner.gate.close()
        text = self._runner.redacted(str(error) or type(error).__name__)
        with suppress(Exception):
            if isinstance(error, DatabaseError):
                self._log.abandon(error=text)
            else:
                self._log.close(RunStatus.FAILED, error=text)

    def _record_skip(self, artifact_id: str) -> None:
        reason, because = self._state.skipped[artifact_id], self._state.skipped_because.get(artifact_id)
        self._log.record(
            ArtifactChange(
                artifact_id, ArtifactStatus.SKIPPED, self._clock(), skip_reason=reason, skipped_because=because
            )
        )

    def _record_change(self, artifact_id: str, status: ArtifactStatus, *, error: str | None = None) -> None:
        self._log.record(ArtifactChange(artifact_id, status, self._clock(), error))
