"""The digest that proves a finding snapshot: a hash of its changes, chained to the snapshot before.

So the cost of writing and verifying a snapshot depends on what changed, not on the number of its findings.
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
"""The columns of a snapshot that never change."""


class SnapshotDigest:
    """The SHA-256 over the leaves of a snapshot: one for the snapshot itself, then one for each change.

    Args:
        runbook: The name of the stream's runbook.
        artifact_id: The stream's artifact.
        seq: The snapshot's number in its stream.
        before: The digest of the snapshot before; None for the first.
        snapshot: The snapshot's row, of which `SNAPSHOT_COLUMNS` are hashed.
    """

    def __init__(
        self, *, runbook: str, artifact_id: str, seq: int, before: str | None, snapshot: Mapping[str, Any]
    ) -> None:
        identity = {"runbook": runbook, "artifact_id": artifact_id, "seq": seq, "before": before}
        columns = {name: snapshot[name] for name in SNAPSHOT_COLUMNS}
        self._sha = hashlib.sha256(leaf_hash("finding_snapshots", {**identity, **columns}))

    def add(self, row: Mapping[str, Any]) -> None:
        """Hash a finding that is new in this snapshot; call it in order of fingerprints, before `remove`."""
        self._sha.update(leaf_hash("findings", {name: row[name] for name in FINDING_COLUMNS}))

    def remove(self, fingerprint: str) -> None:
        """Hash a finding whose row ends with the snapshot before; call it in order of fingerprints."""
        self._sha.update(leaf_hash("gone", {"fingerprint": fingerprint}))

    @property
    def hex(self) -> str:
        return self._sha.hexdigest()


def snapshot_digest(digest: SnapshotDigest, *, added: Iterable[Mapping[str, Any]], removed: Iterable[str]) -> str:
    """Return the digest of a snapshot with these changes, given in any order."""
    for row in sorted(added, key=lambda row: str(row["fingerprint"])):
        digest.add(row)
    for fingerprint in sorted(removed):
        digest.remove(fingerprint)
    return digest.hex
