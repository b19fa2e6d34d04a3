"""Verify the stored records, and that the chain of events continues from an anchor."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from waivern.errors import AnchorError
from waivern.formats.anchor import Anchor, AnchorKey
from waivern.history.audit_log import AuditLog
from waivern.history.events import iso_instant
from waivern.history.verification import Mismatch, Progress, RecordKind, Verification
from waivern.operations.application import Application
from waivern.runs.run import utc_now

_COUNTED = ("events", "imported_events", "runs", "artifacts", "runbooks", "findings", "contents", "bytes")


class AnchorUse(StrEnum):
    """What was done with an anchor."""

    CHECKED = "checked"
    WRITTEN = "written"
    RENEWED = "renewed"


@dataclass(frozen=True)
class AnchorFile:
    """An anchor to check, or to write if the file does not exist.

    Args:
        path: The file.
        key: The key that signs it.
        renew: Write the newest event to the file after everything was verified.
    """

    path: Path
    key: AnchorKey
    renew: bool = False


@dataclass(frozen=True)
class Verified:
    """What was verified, and what was done with the anchor, if one was given."""

    verification: Verification
    anchor: AnchorUse | None = None


def verify_history(
    application: Application, *, run: str | None, anchor: AnchorFile | None, progress: Progress
) -> Verified:
    """Verify everything, or one run; check the anchor, or write it if it is missing and everything matches.

    Raises:
        RunError: the run does not exist.
        AnchorError: the anchor cannot be read, was signed with a different key, or is from another installation.
    """
    run_id = None if run is None else application.storage.history.find(run).id
    known = None if anchor is None or not anchor.path.exists() else Anchor.read(_read(anchor.path), anchor.key)
    audit = application.storage.audit
    result = audit.verify(run_id=run_id, progress=progress)
    if known is not None:
        _check(known, result, audit)
    return Verified(result, None if anchor is None else _update(anchor, known, result))


def _check(anchor: Anchor, result: Verification, audit: AuditLog) -> None:
    end = result.end
    if end is not None and end.installation != anchor.installation:
        raise AnchorError(
            f"The anchor is from installation {anchor.installation}, but this database is {end.installation}",
            remedy="Use the anchor of this database; if this is the one, the whole chain of events was replaced",
        )
    name = f"event {anchor.seq}"
    if end is None or end.seq < anchor.seq:
        newest = "there are no events" if end is None else f"the newest event is {end.seq}"
        problem = f"the anchor of {anchor.written_at} names it, but {newest}: the chain was truncated"
        result.report(RecordKind.EVENT, name, problem)
    elif audit.hash_at(anchor.seq) != anchor.hash:
        result.report(RecordKind.EVENT, name, f"its hash is not the one in the anchor of {anchor.written_at}")


def _update(anchor: AnchorFile, known: Anchor | None, result: Verification) -> AnchorUse | None:
    if known is not None and not (anchor.renew and result.is_intact):
        return AnchorUse.CHECKED
    if not result.is_intact or result.end is None:
        return None  # an anchor must not vouch for altered records
    _write(anchor.path, Anchor.at(result.end, now=utc_now()).signed(anchor.key))
    return AnchorUse.WRITTEN if known is None else AnchorUse.RENEWED


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AnchorError(f"Cannot read the anchor {path}: {error.strerror}", remedy="Check its permissions") from None


def _write(path: Path, content: bytes) -> None:
    """Replace the file atomically: a half-written anchor would be worse than the old one."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise AnchorError(
            f"Cannot write the anchor {path}: {error.strerror}", remedy="Choose a file in a writable folder"
        ) from None


def verified_as_json(verified: Verified) -> Mapping[str, Any]:
    """Return what was verified as a JSON object."""
    result, end = verified.verification, verified.verification.end
    return {
        "intact": result.is_intact,
        "mismatch_count": result.mismatch_count,
        "mismatches": [_mismatch_as_json(mismatch) for mismatch in result.mismatches],
        "verified": {name: result.counts[name] for name in _COUNTED},
        "open_runs": result.open_runs,
        "unproven_runs": result.unproven_runs,
        "pruned_contents": result.pruned,
        "undecryptable_contents": result.undecryptable,
        "newest_event": None if end is None else {"seq": end.seq, "hash": end.hash, "at": iso_instant(end.at)},
        "installation": None if end is None else end.installation,
        "anchor": None if verified.anchor is None else verified.anchor.value,
    }


def _mismatch_as_json(mismatch: Mismatch) -> Mapping[str, Any]:
    return {
        "record": mismatch.record,
        "problem": mismatch.problem,
        "kind": mismatch.kind.value,
        "run": mismatch.run,
        "artifact_id": mismatch.artifact_id,
    }
