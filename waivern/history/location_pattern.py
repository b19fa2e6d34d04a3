"""Patterns of locations: `customers.*`, `exports/*.csv`."""

import re
from dataclasses import dataclass
from functools import cached_property

_WILDCARD = re.compile(r"([*?])")


@dataclass(frozen=True)
class LocationPattern:
    """A case-sensitive pattern in which `*` matches any characters, also none, and `?` matches one.

    `*` matches "/" too, because a location is not only a path: `a.zip/b.xlsx:people.email`.
    """

    text: str

    def matches(self, location: str) -> bool:
        return self._regex.fullmatch(location) is not None

    @property
    def prefix(self) -> str:
        """The literal text with which every matching location begins."""
        return _WILDCARD.split(self.text, maxsplit=1)[0]

    @property
    def is_literal(self) -> bool:
        """Whether it has no wildcard, so that it matches one location only."""
        return self.prefix == self.text

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        wildcards = {"*": ".*", "?": "."}
        parts = (wildcards.get(part) or re.escape(part) for part in _WILDCARD.split(self.text))
        return re.compile("".join(parts), re.DOTALL)
