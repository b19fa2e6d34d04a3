"""The counts that describe a message, so that listing artifacts does not load their content."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from waivern.messages.catalogue import schema_catalogue
from waivern.messages.message import Message

_MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Overview:
    """The counts of one message.

    Args:
        items: How many items it has.
        findings: The number of findings by category; empty if the schema is not an indicator's.
        not_scanned: How many things were not scanned; `not_scanned_examples` holds the first {name, reason, code}.
        sampled: How many things were partially scanned; `sampled_examples` holds the first {name, read, total}.
    """

    items: int
    findings: dict[str, int] = field(default_factory=dict)
    not_scanned: int = 0
    not_scanned_examples: list[dict[str, Any]] = field(default_factory=list)
    sampled: int = 0
    sampled_examples: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object, without empty values."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in values.items() if value or name == "items"}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> "Overview | None":
        return None if stored is None else msgspec.convert(stored, cls)


def overview_of(message: Message) -> Overview | None:
    """Return the overview of a message; None if its schema does not name the list of items."""
    key = schema_catalogue().items_key(message.schema)
    items = None if key is None else message.items_of(key)
    if key is None or items is None:
        return None
    findings = Counter(str(item.get("category")) for item in items) if key == "findings" else Counter[str]()
    envelope = message.envelope_without(key)
    metadata = envelope.get("metadata") or envelope.get("analysis_metadata") or {}
    not_scanned, sampled = metadata.get("not_scanned") or [], metadata.get("sampled") or []
    return Overview(
        items=len(items),
        findings=dict(sorted(findings.items())),
        not_scanned=len(not_scanned),
        not_scanned_examples=_examples(not_scanned),
        sampled=len(sampled),
        sampled_examples=_examples(sampled),
    )


def _examples(entries: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the first entries as JSON objects, as `Overview.from_json` expects them."""
    first = itertools.islice(entries, _MAX_EXAMPLES)
    return [dict(entry) if isinstance(entry, Mapping) else {"name": str(entry)} for entry in first]
