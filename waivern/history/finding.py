"""A finding as history remembers it: what tells it from others, without its evidence."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from waivern.messages.message import Message

MEDIUM = "medium"


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What one rule found at one place; a struct, as a run may have 100,000.

    Args:
        fingerprint: The same in every run as long as the rule finds something at the place.
        rule: The rule's name.
        category: Of the rule.
        severity: low, medium, high or critical.
        special_category: Whether it is of Art. 9(1) GDPR, as a classifier says; None where none was asked.
        source: Where the data came from, as the connector names it.
        location: Where in the source: a file's path, "table.column", or both with a colon between.
        confidence: From 0 to 1.
        match_count: How many matches it stands for.
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


def findings_in(message: Message) -> list[Finding] | None:
    """Return the findings of a message, each fingerprint once; None where it is no message of findings.

    What two entries of one fingerprint say, as after a merge, is put together: the surer one, with both counts.
    """
    entries = message.items_of("findings")
    if entries is None:
        return None
    found: dict[str, Finding] = {}
    for entry in entries:
        if not _is_finding(entry):
            return None
        finding = _finding(entry)
        other = found.get(finding.fingerprint)
        found[finding.fingerprint] = finding if other is None else _together(finding, other)
    return list(found.values())


def each_once(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return findings by fingerprint; of what several artifacts hold, what a classifier said."""
    found: dict[str, Finding] = {}
    for finding in findings:
        if finding.fingerprint not in found or finding.special_category is not None:
            found[finding.fingerprint] = finding
    return found


def entry_in(message: Message, fingerprint: str) -> Mapping[str, Any] | None:
    """Return the entry of a message that has a fingerprint, with its evidence; None where it has none."""
    found = (each for each in message.items_of("findings") or () if _is_finding(each))
    return next((each for each in found if each["fingerprint"] == fingerprint), None)


def _is_finding(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("fingerprint"), str)


def _finding(entry: Mapping[str, Any]) -> Finding:
    metadata = entry.get("metadata")
    special = entry.get("special_category")
    return Finding(
        fingerprint=entry["fingerprint"],
        rule=str(entry.get("rule", "")),
        category=str(entry.get("category", "")),
        severity=str(entry.get("severity", MEDIUM)),
        special_category=special if isinstance(special, bool) else None,
        source=str(metadata.get("source", "")) if isinstance(metadata, Mapping) else "",
        location=location_of(entry.get("location")),
        confidence=_number(entry.get("confidence"), 0.0),
        match_count=int(sum(_number(each.get("match_count"), 0) for each in entry.get("matched_patterns") or ())),
    )


def finding_of(entry: Any) -> Finding | None:
    """Return what history remembers of one entry of a message's findings; None where it is no finding."""
    return _finding(entry) if _is_finding(entry) else None


def location_of(location: Any) -> str:
    """Return where in its source a finding is, without lines: "notes.txt", "customers.email", "a.xlsx:people.email"."""
    said = location if isinstance(location, Mapping) else {}
    inside = ".".join(str(said[key]) for key in ("table", "column") if said.get(key))
    return ":".join(part for part in (str(said.get("file_path") or ""), inside) if part)


def _number(value: Any, otherwise: float) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _together(one: Finding, other: Finding) -> Finding:
    surer = max(other, one, key=lambda finding: finding.confidence)
    return replace(surer, match_count=one.match_count + other.match_count)
