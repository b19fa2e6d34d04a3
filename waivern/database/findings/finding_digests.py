"""What proves a set of findings: a digest of what is new and what is gone in it, chained to the set before.

So a set that differs little costs little, to write and to verify, however many findings it holds.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from waivern.history.merkle import leaf_hash

FINDING_COLUMNS = (
    *("fingerprint", "rule", "category", "severity", "special_category", "source", "location", "confidence"),
    "match_count",
)
SNAPSHOT_COLUMNS = ("digest", "ruleset", "rules_version", "coverage_gaps", "first_run_id", "first_at")
"""Of a set, what never changes."""


class SnapshotDigest:
    """The SHA-256 over the leaves of a set: one that says which set it is, then those of its changes.

    Args:
        runbook: The name of the runbook whose line it is.
        artifact_id: The artifact.
        seq: The set's number in its line.
        before: The digest of the set before; None for the first.
        about: The set's row, of which the columns `ABOUT` count.
    """

    def __init__(
        self, *, runbook: str, artifact_id: str, seq: int, before: str | None, about: Mapping[str, Any]
    ) -> None:
        said = {"runbook": runbook, "artifact_id": artifact_id, "seq": seq, "before": before}
        self._sha = hashlib.sha256(
            leaf_hash("finding_snapshots", {**said, **{name: about[name] for name in SNAPSHOT_COLUMNS}})
        )

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a finding that begins with this set; all of them by fingerprint, before any that is gone."""
        self._sha.update(leaf_hash("findings", {name: row[name] for name in FINDING_COLUMNS}))

    def drop(self, fingerprint: str) -> None:
        """Count a finding that ended with the set before; by fingerprint."""
        self._sha.update(leaf_hash("gone", {"fingerprint": fingerprint}))

    @property
    def hex(self) -> str:
        return self._sha.hexdigest()


def snapshot_digest(digest: SnapshotDigest, *, added: Iterable[Mapping[str, Any]], gone: Iterable[str]) -> str:
    """Return the digest of a set with these changes, in any order."""
    for row in sorted(added, key=lambda row: str(row["fingerprint"])):
        digest.add(row)
    for fingerprint in sorted(gone):
        digest.drop(fingerprint)
    return digest.hex
