"""A finding as the history stores it: without its evidence, which stays in the artifact."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from waivern.messages.message import Message
from waivern.severity import DEFAULT_SEVERITY

_MAX_LOCATION_BYTES = 2_000  # Postgres cannot index more than 2,704 bytes


class Finding(msgspec.Struct, frozen=True, gc=False):
    """All matches of one rule at one location; a struct, because a run may have 100,000 of them.

    Args:
        fingerprint: Identifies the finding in every run.
        rule: The rule's name.
        category: The rule's category.
        severity: low, medium, high or critical.
        special_category: Whether it is a special category of Art. 9(1) GDPR; None where no classifier was used.
        source: The system that was scanned, as its connector names it.
        location: Where in the source: a file's path, "table.column", or both with a colon between; of more than 2,000
            bytes the beginning and a hash.
        confidence: From 0 to 1.
        match_count: How many matches it has.
    """

    fingerprint: str
    rule: str
    category: str
    severity: str
    special_category: bool | None
    source: str
    location: str
    confidence: float
    match_count: int


class SnapshotRef(msgspec.Struct, frozen=True):
    """Which findings an artifact of a run holds: the `seq`-th snapshot of its stream, and the rules that made them."""

    seq: int
    ruleset: str | None
    rules_version: str | None


def findings_in(message: Message) -> list[Finding] | None:
    """Return the findings of a message, each fingerprint once; None if it is not a message of findings.

    Entries with the same fingerprint, as after a merge, are combined: the highest confidence, the sum of the matches.
    """
    entries = message.items_of("findings")
    if entries is None:
        return None
    findings: dict[str, Finding] = {}
    for entry in entries:
        finding = finding_from_entry(entry)
        if finding is None:
            return None
        other = findings.get(finding.fingerprint)
        findings[finding.fingerprint] = finding if other is None else _combined(finding, other)
    return list(findings.values())


def unique_findings(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return findings by fingerprint; where several artifacts hold one, a classified finding takes precedence."""
    unique: dict[str, Finding] = {}
    for finding in findings:
        if finding.fingerprint not in unique or finding.special_category is not None:
            unique[finding.fingerprint] = finding
    return unique


def finding_entry(message: Message, fingerprint: str) -> Mapping[str, Any] | None:
    """Return a message's entry for a fingerprint, with its evidence; None if it has none."""
    entries = (entry for entry in message.items_of("findings") or () if _is_finding(entry))
    return next((entry for entry in entries if entry["fingerprint"] == fingerprint), None)


def finding_from_entry(entry: Any) -> Finding | None:
    """Return the finding of one entry of a message; None if the entry is not a finding."""
    if not _is_finding(entry):
        return None
    metadata = entry.get("metadata")
    special_category = entry.get("special_category")
    patterns = entry.get("matched_patterns") or ()
    return Finding(
        fingerprint=entry["fingerprint"],
        rule=str(entry.get("rule", "")),
        category=str(entry.get("category", "")),
        severity=str(entry.get("severity", DEFAULT_SEVERITY)),
        special_category=special_category if isinstance(special_category, bool) else None,
        source=str(metadata.get("source", "")) if isinstance(metadata, Mapping) else "",
        location=_location_text(entry.get("location")),
        confidence=_number(entry.get("confidence"), 0.0),
        match_count=int(sum(_number(pattern.get("match_count"), 0) for pattern in patterns)),
    )


def _is_finding(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("fingerprint"), str)


def _location_text(location: Any) -> str:
    """Return a location without lines: "notes.txt", "customers.email", "a.xlsx:people.email"."""
    keys = location if isinstance(location, Mapping) else {}
    column = ".".join(str(keys[key]) for key in ("table", "column") if keys.get(key))
    return _shortened(":".join(part for part in (str(keys.get("file_path") or ""), column) if part))


def _shortened(location: str) -> str:
    if len(location) * 4 <= _MAX_LOCATION_BYTES:
        return location
    encoded = location.encode("utf-8", "backslashreplace")
    if len(encoded) <= _MAX_LOCATION_BYTES:
        return location
    suffix = f"...{hashlib.sha256(encoded).hexdigest()[:16]}"
    return encoded[: _MAX_LOCATION_BYTES - len(suffix)].decode("utf-8", "ignore") + suffix


def _number(value: Any, default: float) -> float:
    """Return a finite number; JSON has no other, and the canonical form of a message replaces them by null."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and (isinstance(value, int) or math.isfinite(value)) else default


def _combined(one: Finding, other: Finding) -> Finding:
    surest = max(other, one, key=lambda finding: finding.confidence)
    return replace(surest, match_count=one.match_count + other.match_count)
