"""The port for reading past and current runs, and the findings that each of them had."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from waivern.artifacts.store import PastArtifact
from waivern.history.coverage_gaps import CoverageGaps
from waivern.history.finding import Finding, SnapshotRef
from waivern.history.run_records import ArtifactRecord, AttemptRecord, FailedAttemptRecord, RunFilter, RunRecord
from waivern.messages.message import Message


class History(ABC):
    """Everything that is recorded about runs: status, artifacts, messages and findings. It never writes."""

    @abstractmethod
    def recent(self, run_filter: RunFilter, *, limit: int) -> Sequence[RunRecord]:
        """Return up to `limit` runs, newest first."""

    @abstractmethod
    def find(self, run: str) -> RunRecord:
        """Return one run.

        Args:
            run: Its id, an unambiguous prefix of it, or "latest".

        Raises:
            RunError: there is no such run, or more than one; names them.
        """

    @abstractmethod
    def artifacts_of(self, run_id: str) -> Sequence[ArtifactRecord]:
        """Return the run's artifacts in the order of its plan."""

    @abstractmethod
    def attempts_of(self, run_id: str) -> Sequence[AttemptRecord]:
        """Return the attempts at the run, oldest first."""

    @abstractmethod
    def failed_attempts_of(self, run_id: str) -> Sequence[FailedAttemptRecord]:
        """Return the failed attempts at the run's artifacts, in the order in which they ended."""

    @abstractmethod
    def message_of(self, run_id: str, artifact: str) -> Message:
        """Return an artifact's message, by its id or by the name that a runbook gives a child's artifact.

        Raises:
            ArtifactNotFoundError: the run has no such artifact that succeeded; names those it has.
            PrunedArtifactError: its content was deleted.
            CorruptArtifactError: the stored content differs from what was saved.
        """

    @abstractmethod
    def items_of(self, run_id: str, artifact: str, key: str) -> Iterator[Any]:
        """Return an iterator over the items of the list `key` of an artifact's content.

        The items of a large content are decompressed part by part, after the whole content was verified.

        Raises:
            As `message_of`.
        """

    @abstractmethod
    def envelope_without(self, run_id: str, artifact: str, key: str) -> Mapping[str, Any]:
        """Return an artifact's content without its list `key`, which is not decompressed if the content is large.

        Raises:
            As `message_of`.
        """

    @abstractmethod
    def find_artifact(self, *, from_run: str, artifact_id: str, runbook: str) -> PastArtifact:
        """Find a succeeded artifact of an earlier run; see `PastArtifacts`, which a history provides."""

    @abstractmethod
    def sources_of(self, run_id: str) -> Mapping[str, str]:
        """Return the unresolved text of the run's runbook and of its children, by path."""

    @abstractmethod
    def snapshots_of(self, run_id: str) -> Mapping[str, SnapshotRef]:
        """Return {artifact id: snapshot} for the run's artifacts that hold findings, in the order of its plan."""

    @abstractmethod
    def coverage_gaps_of(self, run_id: str, artifact_id: str) -> CoverageGaps:
        """Return what was not scanned, or only partially, for an artifact of findings; empty for any other artifact."""

    @abstractmethod
    def findings_of(self, run_id: str) -> Sequence[tuple[str, Finding]]:
        """Return (artifact id, finding) pairs, sorted by artifact in plan order, source, location and rule."""

    @abstractmethod
    def finding_counts_of(self, run_id: str) -> Mapping[str, int]:
        """Return {severity: number of findings}; a finding counts once, however many artifacts hold it."""

    @abstractmethod
    def seen_before(self, runbook: str, fingerprints: Collection[str], *, before: datetime) -> set[str]:
        """Return which fingerprints a run of the runbook had found in an artifact that it saved before an instant."""
