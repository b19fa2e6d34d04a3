"""The state of an execution, without asyncio or a database."""

from collections import deque
from collections.abc import Iterable

from waivern.plans.dag import ExecutionDAG
from waivern.runs.result import ArtifactResult
from waivern.runs.run import SkipReason


class ExecutionState:
    """Which artifacts are ready, running, deferred, ended or skipped.

    An artifact becomes ready when the last of its inputs has succeeded; ready artifacts are run in the order in which
    they became ready. Those in `already_succeeded` count as succeeded from the start.
    """

    def __init__(self, dag: ExecutionDAG, already_succeeded: Iterable[str] = ()) -> None:
        self._dag = dag
        self._position = {artifact_id: position for position, artifact_id in enumerate(dag.artifact_ids)}
        self._sorter = dag.get_sorter()
        self._ready: deque[str] = deque()
        self._running: set[str] = set()
        self._deferred: set[str] = set()
        self._already_succeeded = frozenset(already_succeeded)
        self.results: dict[str, ArtifactResult] = {}
        self.skipped: dict[str, SkipReason] = {}
        self.skipped_because: dict[str, str] = {}
        self._advance()

    @property
    def is_unfinished(self) -> bool:
        """Return whether an artifact is ready, running or deferred."""
        return bool(self._ready or self._running or self._deferred)

    @property
    def running(self) -> int:
        """Return how many artifacts are running."""
        return len(self._running)

    def pop_ready(self, *, limit: int) -> list[str]:
        """Return up to `limit` ready artifacts, which are running from now on."""
        popped = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
        self._running.update(popped)
        return popped

    def record(self, result: ArtifactResult) -> list[str]:
        """Record how an artifact ended; return the artifacts that its failure skips, in the plan's order."""
        self._running.discard(result.artifact_id)
        self.results[result.artifact_id] = result
        skipped = [] if result.success else self._skip_dependents(result.artifact_id)
        self._sorter.done(result.artifact_id)
        self._advance()
        return skipped

    def defer(self, artifact_id: str) -> None:
        """Record that a running artifact waits for its next attempt, without occupying a worker."""
        self._running.discard(artifact_id)
        self._deferred.add(artifact_id)

    def requeue(self, artifact_id: str) -> None:
        """Make a deferred artifact ready again."""
        self._deferred.discard(artifact_id)
        self._ready.append(artifact_id)

    def skip_unfinished(self, reason: SkipReason) -> list[str]:
        """Skip all artifacts that have not ended; return them in the plan's order."""
        unfinished = [name for name in self._dag.artifact_ids if name not in self.results and name not in self.skipped]
        self.skipped.update(dict.fromkeys(unfinished, reason))
        self._ready.clear()
        self._running.clear()
        self._deferred.clear()
        return unfinished

    def record_late_success(self, result: ArtifactResult) -> None:
        """Record that a skipped artifact has succeeded after all."""
        self.results[result.artifact_id] = result
        self.skipped.pop(result.artifact_id, None)

    def _skip_dependents(self, failed: str) -> list[str]:
        """The dependents of a skipped artifact are skipped already, so each artifact is visited once in a run."""
        skipped: list[str] = []
        to_visit = [failed]
        while to_visit:
            for dependent in self._dag.get_dependents(to_visit.pop()):
                if dependent not in self.skipped:
                    self.skipped[dependent] = SkipReason.DEPENDENCY_FAILED
                    self.skipped_because[dependent] = failed
                    skipped.append(dependent)
                    to_visit.append(dependent)
        return sorted(skipped, key=self._position.__getitem__)

    def _advance(self) -> None:
        """Queue what the sorter frees; what has ended already is done at once, which may free more."""
        while self._sorter.is_active() and (free := self._sorter.get_ready()):
            for artifact_id in free:
                if artifact_id in self._already_succeeded:
                    self.results[artifact_id] = ArtifactResult(artifact_id, success=True)
                    self._sorter.done(artifact_id)
                elif artifact_id in self.skipped:
                    self._sorter.done(artifact_id)
                else:
                    self._ready.append(artifact_id)
