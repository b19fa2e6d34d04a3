"""How far a run is: pure state, which knows neither asyncio nor a database."""

from collections import deque
from collections.abc import Iterable

from waivern.plans.dag import ExecutionDAG
from waivern.runs.result import ArtifactResult
from waivern.runs.run import SkipReason


class Progress:
    """Which artifacts are ready, in the making, made, failed or skipped.

    An artifact becomes ready when the last of its inputs is made; ready ones are taken in the order in which they
    became ready. Those in `already_made` count as made from the start.
    """

    def __init__(self, dag: ExecutionDAG, already_made: Iterable[str] = ()) -> None:
        self._dag = dag
        self._position = {artifact_id: position for position, artifact_id in enumerate(dag.artifact_ids)}
        self._sorter = dag.get_sorter()
        self._ready: deque[str] = deque()
        self._in_the_making: set[str] = set()
        self._put_off: set[str] = set()
        self._already_made = frozenset(already_made)
        self.results: dict[str, ArtifactResult] = {}
        self.skipped: dict[str, SkipReason] = {}
        self.skipped_because: dict[str, str] = {}
        self._advance()

    @property
    def is_unfinished(self) -> bool:
        """Say whether an artifact is ready, in the making or put off."""
        return bool(self._ready or self._in_the_making or self._put_off)

    @property
    def in_the_making(self) -> int:
        return len(self._in_the_making)

    def take_ready(self, *, at_most: int) -> list[str]:
        """Return up to `at_most` artifacts to be made now; each is returned once."""
        taken = [self._ready.popleft() for _ in range(min(at_most, len(self._ready)))]
        self._in_the_making.update(taken)
        return taken

    def record(self, result: ArtifactResult) -> list[str]:
        """Note how an artifact ended; return what its failure makes impossible, in the plan's order."""
        self._in_the_making.discard(result.artifact_id)
        self.results[result.artifact_id] = result
        impossible = [] if result.success else self._skip_everything_after(result.artifact_id)
        self._sorter.done(result.artifact_id)
        self._advance()
        return impossible

    def put_off(self, artifact_id: str) -> None:
        """Note that an artifact will be made again later; until then it is not in the making."""
        self._in_the_making.discard(artifact_id)
        self._put_off.add(artifact_id)

    def make_again(self, artifact_id: str) -> None:
        """Let an artifact that was put off be ready."""
        self._put_off.discard(artifact_id)
        self._ready.append(artifact_id)

    def skip_the_rest(self, reason: SkipReason) -> list[str]:
        """Note that nothing more will be made; return what had not ended, in the plan's order."""
        rest = [each for each in self._dag.artifact_ids if each not in self.results and each not in self.skipped]
        self.skipped.update(dict.fromkeys(rest, reason))
        self._ready.clear()
        self._in_the_making.clear()
        self._put_off.clear()
        return rest

    def unskip(self, result: ArtifactResult) -> None:
        """Note that an artifact was made which counted as skipped."""
        self.results[result.artifact_id] = result
        self.skipped.pop(result.artifact_id, None)

    def _skip_everything_after(self, failed: str) -> list[str]:
        """What comes after something skipped is skipped already, so nothing is looked at twice in a run."""
        impossible: list[str] = []
        waiting = [failed]
        while waiting:
            for dependent in self._dag.get_dependents(waiting.pop()):
                if dependent not in self.skipped:
                    self.skipped[dependent] = SkipReason.DEPENDENCY_FAILED
                    self.skipped_because[dependent] = failed
                    impossible.append(dependent)
                    waiting.append(dependent)
        return sorted(impossible, key=self._position.__getitem__)

    def _advance(self) -> None:
        """Take from the sorter all that is ready; what needs no making is done at once, and may free more."""
        while self._sorter.is_active() and (free := self._sorter.get_ready()):
            for artifact_id in free:
                if artifact_id in self._already_made:
                    self.results[artifact_id] = ArtifactResult(artifact_id, success=True)
                    self._sorter.done(artifact_id)
                elif artifact_id in self.skipped:
                    self._sorter.done(artifact_id)
                else:
                    self._ready.append(artifact_id)
