"""Runs in simulated time: hours of waiting pass immediately, with exact durations."""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from waivern.runs.artifact_runner import ArtifactTask

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """A selector that advances the clock instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            assert timeout is not None, "deadlock: nothing is scheduled"
            self.now += max(timeout, 0.0)
        return events


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock advances only when it is idle."""

    def __init__(self) -> None:
        self.simulated = _JumpingSelector()
        super().__init__(self.simulated)

    def time(self) -> float:
        return self.simulated.now


class SimulatedWorkers(Executor):
    """Completes each artifact after its duration; `on_start` is called when an artifact starts."""

    def __init__(self, durations: Mapping[str, float], on_start: Callable[[str, float], None]) -> None:
        self._durations = durations
        self._on_start = on_start
        self.busy = 0
        self.most_busy = 0

    def submit(self, run: Callable[..., Any], /, *args: Any, **_: Any) -> "Future[Any]":
        task: ArtifactTask = args[0]
        loop = asyncio.get_running_loop()
        self._on_start(task.artifact_id, loop.time())
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        future: Future[Any] = Future()
        loop.call_later(self._durations[task.artifact_id], self._end, future, run, task)
        return future

    def _end(self, future: "Future[Any]", run: Callable[..., Any], task: ArtifactTask) -> None:
        self.busy -= 1
        future.set_result(run(task))


def simulated(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in simulated time."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(main())


def ideal_makespan(dag: Mapping[str, Sequence[str]], durations: Mapping[str, float], workers: int) -> float:
    """Return the length of a list schedule that never leaves a worker idle while an artifact is ready (FIFO)."""
    waiting_for = {artifact: len(inputs) for artifact, inputs in dag.items()}
    ready = [artifact for artifact, number in waiting_for.items() if not number]
    running: list[tuple[float, int, str]] = []
    now, started = 0.0, 0
    while ready or running:
        while ready and len(running) < workers:
            artifact = ready.pop(0)
            heapq.heappush(running, (now + durations[artifact], started, artifact))
            started += 1
        now, _, ended = heapq.heappop(running)
        for artifact, inputs in dag.items():
            if ended in inputs:
                waiting_for[artifact] -= 1
                if not waiting_for[artifact]:
                    ready.append(artifact)
    return now
