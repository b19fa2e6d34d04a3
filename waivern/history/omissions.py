"""What an analysis did not look at, and whether a place is among it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_SOME_CHARACTERS = re.compile(r" \([\d,]+ characters\)\Z")
_ENDS_A_NAME = re.compile(r"[.:/]")

ANYTHING = ""
"""What stands for the name of an omission where it is not known any more what was left out."""


class Omissions:
    """Files, folders, tables and columns that were left out, or read in part.

    Args:
        left_out: {name: why}, as an artifact says.
        in_part: The same of what was read in part.
    """

    def __init__(self, left_out: Mapping[str, str], in_part: Mapping[str, str]) -> None:
        self.left_out = left_out
        self.in_part = in_part
        said = {**left_out, **in_part}
        self._by_name = {
            _SOME_CHARACTERS.sub("", what).removesuffix("/"): f"{what}: {why}" for what, why in said.items()
        }

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Omissions":
        """Return those of the content of a message."""
        said = content.get("analysis_metadata")
        analysis = said if isinstance(said, Mapping) else {}
        left_out = {str(each["name"]): str(each["reason"]) for each in analysis.get("not_scanned") or ()}
        sampled = analysis.get("sampled") or ()
        in_part = {str(each["name"]): f"read in part, {each['read']:,} of {each['total']:,}" for each in sampled}
        return cls(left_out, in_part)

    @classmethod
    def from_json(cls, kept: Mapping[str, Mapping[str, str]]) -> "Omissions":
        return cls(kept.get("left_out", {}), kept.get("in_part", {}))

    def as_json(self) -> dict[str, dict[str, str]]:
        kinds = {"left_out": dict(self.left_out), "in_part": dict(self.in_part)}
        return {kind: said for kind, said in kinds.items() if said}

    def reason_for(self, place: str) -> str | None:
        """Say why a place was not looked at, or not wholly; None where it was."""
        if not self._by_name:
            return None
        if ANYTHING in self.left_out:
            return self.left_out[ANYTHING]
        return next((self._by_name[name] for name in _names_around(place) if name in self._by_name), None)


def _name(what: str) -> str:
    return _SOME_CHARACTERS.sub("", what).removesuffix("/")


def _names_around(place: str) -> Iterator[str]:
    """The place, and what it may be part of: `a.zip/b.xlsx:people.email` is part of `a.zip` and of `a.zip/b.xlsx`."""
    yield place
    for end in _ENDS_A_NAME.finditer(place):
        yield place[: end.start()]
