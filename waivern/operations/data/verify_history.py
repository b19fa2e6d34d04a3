"""Prove that what is remembered is what was written, and that the chain of events goes on from an anchor."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from waivern.errors import AnchorError
from waivern.history.anchor import Anchor, AnchorKey
from waivern.history.event_log import instant
from waivern.history.verification import Damage, Part, Progress, Verification, Verifier
from waivern.operations.application import Application
from waivern.runs.run import utc_now


class AnchorUse(StrEnum):
    """What was done with an anchor."""

    CHECKED = "checked"
    WRITTEN = "written"
    RENEWED = "renewed"


@dataclass(frozen=True)
class AnchorFile:
    """Where an anchor is, or is to be written, and the key for it.

    Args:
        path: The file.
        key: What it is signed with.
        renew: Write the newest event into it once all has been proven.
    """

    path: Path
    key: AnchorKey
    renew: bool = False


@dataclass(frozen=True)
class Verified:
    """What was proven, and what was done with an anchor, if there was one."""

    verification: Verification
    anchor: AnchorUse | None = None


def verify_history(
    application: Application, *, run: str | None, anchor: AnchorFile | None, progress: Progress
) -> Verified:
    """Verify everything, or one run; check an anchor, and write one where there is none and nothing is damaged.

    Raises:
        RunError: there is no such run.
        AnchorError: the anchor cannot be read, was signed with another key, or is another installation's.
    """
    run_id = None if run is None else application.storage.history.find(run).id
    known = None if anchor is None or not anchor.path.exists() else Anchor.read(_bytes_of(anchor.path), anchor.key)
    verifier = application.storage.verifier
    found = verifier.verify(run_id=run_id, progress=progress)
    if known is not None:
        _check(known, found, verifier)
    return Verified(found, None if anchor is None else _kept(anchor, known, found))


def _check(anchor: Anchor, found: Verification, verifier: Verifier) -> None:
    end = found.end
    if end is not None and end.installation != anchor.installation:
        raise AnchorError(
            f"The anchor is of another installation: {anchor.installation}, and not {end.installation}",
            remedy="Give this database's own anchor; if it is, somebody has put another chain in the place of its own",
        )
    name = f"event {anchor.seq}"
    if end is None or end.seq < anchor.seq:
        newest = "there is none" if end is None else f"the newest is {end.seq}"
        found.report(
            Part.EVENT, name, f"the anchor of {anchor.written_at} knows it, and {newest}: the chain was cut off"
        )
    elif verifier.hash_at(anchor.seq) != anchor.hash:
        found.report(Part.EVENT, name, f"its hash is not the one that the anchor of {anchor.written_at} knows")


def _kept(anchor: AnchorFile, known: Anchor | None, found: Verification) -> AnchorUse | None:
    if known is not None and not (anchor.renew and found.damage == 0):
        return AnchorUse.CHECKED
    if found.damage or found.end is None:
        return None  # what is damaged is not to be vouched for
    _write(anchor.path, Anchor.at(found.end, now=utc_now()).signed(anchor.key))
    return AnchorUse.WRITTEN if known is None else AnchorUse.RENEWED


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AnchorError(
            f"The anchor {path} cannot be read: {error.strerror}", remedy="Check its permissions"
        ) from None


def _write(path: Path, content: bytes) -> None:
    """All or nothing: an anchor that is half written would be worth less than the one before."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise AnchorError(
            f"The anchor {path} cannot be written: {error.strerror}",
            remedy="Name a file in a folder that can be written",
        ) from None


def verified_as_json(verified: Verified) -> Mapping[str, Any]:
    """Return what was proven as a JSON object."""
    found, end = verified.verification, verified.verification.end
    names = ("events", "imported_events", "runs", "artifacts", "runbooks", "findings", "contents", "bytes")
    return {
        "intact": found.damage == 0,
        "damage": found.damage,
        "damages": [_damage_as_json(each) for each in found.damages],
        "verified": {name: found.counts[name] for name in names},
        "open_runs": found.open_runs,
        "unproven_runs": found.unproven_runs,
        "pruned_contents": found.pruned,
        "sealed_contents": found.sealed,
        "newest_event": None if end is None else {"seq": end.seq, "hash": end.hash, "at": instant(end.at)},
        "installation": None if end is None else end.installation,
        "anchor": None if verified.anchor is None else verified.anchor.value,
    }


def _damage_as_json(damage: Damage) -> Mapping[str, Any]:
    named = {"what": damage.what, "why": damage.why, "part": damage.part.value}
    return {**named, "run": damage.run, "artifact_id": damage.artifact_id}
