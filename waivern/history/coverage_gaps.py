"""What an analysis did not scan, or scanned only partially, and whether a location is affected."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from waivern.messages.not_scanned import ReasonCode

_END_OF_A_NAME = re.compile(r"[.:/]")


class NotScanned(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file, folder, table or column that was not scanned.

    Args:
        name: Its name, relative to the source.
        reason: Why, in words.
        code: Why, as a `ReasonCode`; None where a plug-in gives none.
    """

    name: str
    reason: str
    code: str | None = None

    @property
    def is_excluded(self) -> bool:
        """Whether the runbook excludes it, so that it is no gap in the coverage that was asked for."""
        return self.code == ReasonCode.EXCLUDED

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class PartiallyScanned(msgspec.Struct, frozen=True):
    """A table or collection of which only a sample was read: `read` of `total` entries."""

    name: str
    read: int
    total: int

    def __str__(self) -> str:
        return f"{self.name}: partially scanned, {self.read:,} of {self.total:,}"


class CoverageGaps:
    """All coverage gaps of one artifact."""

    def __init__(
        self, not_scanned: Iterable[NotScanned] = (), partially_scanned: Iterable[PartiallyScanned] = ()
    ) -> None:
        self.not_scanned: Sequence[NotScanned] = tuple(dict.fromkeys(not_scanned))
        self.partially_scanned: Sequence[PartiallyScanned] = tuple(dict.fromkeys(partially_scanned))
        gaps: list[NotScanned | PartiallyScanned] = [*self.not_scanned, *self.partially_scanned]
        self._by_name = {gap.name.removesuffix("/"): gap for gap in gaps}

    @classmethod
    def in_content(cls, content: Mapping[str, Any]) -> "CoverageGaps":
        """Return the gaps that the content of a message of findings reports."""
        metadata = content.get("analysis_metadata")
        return cls.in_metadata(metadata if isinstance(metadata, Mapping) else {})

    @classmethod
    def in_metadata(cls, metadata: Mapping[str, Any]) -> "CoverageGaps":
        """Return the gaps that a message's metadata reports: its lists `not_scanned` and `sampled`."""
        return cls(
            [not_scanned_entry(entry) for entry in metadata.get("not_scanned") or ()],
            [partially_scanned_entry(entry) for entry in metadata.get("sampled") or ()],
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "CoverageGaps":
        """Return the gaps that `as_json` wrote."""
        return cls(
            msgspec.convert(stored.get("not_scanned", []), list[NotScanned]),
            msgspec.convert(stored.get("partially_scanned", []), list[PartiallyScanned]),
        )

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return the gaps as a JSON object without empty lists."""
        gaps = {"not_scanned": self.not_scanned, "partially_scanned": self.partially_scanned}
        return {kind: msgspec.to_builtins(list(entries)) for kind, entries in gaps.items() if entries}

    def reason_for(self, location: str) -> str | None:
        """Return why a location was not scanned completely; None where it was."""
        gap = next((self._by_name[name] for name in _enclosing_names(location) if name in self._by_name), None)
        return None if gap is None else str(gap)


def not_scanned_entry(entry: Any) -> NotScanned:
    """Return an entry of a message's list `not_scanned`; one without a name means the whole source."""
    known = entry if isinstance(entry, Mapping) else {"name": entry} if isinstance(entry, str) else {}
    code = known.get("code")
    return NotScanned(str(known.get("name", "")), str(known.get("reason", "")), None if code is None else str(code))


def partially_scanned_entry(entry: Any) -> PartiallyScanned:
    """Return an entry of a message's list `sampled`; one without a name means the whole source."""
    known = entry if isinstance(entry, Mapping) else {}
    return PartiallyScanned(str(known.get("name", "")), _count(known.get("read")), _count(known.get("total")))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _enclosing_names(location: str) -> Iterator[str]:
    """Yield the location and what encloses it: for `a.zip/b.xlsx:people.email` also `a.zip` and `a.zip/b.xlsx`."""
    yield location
    for end in _END_OF_A_NAME.finditer(location):
        yield location[: end.start()]
    yield ""
