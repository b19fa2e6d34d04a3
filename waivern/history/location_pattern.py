"""Patterns of places: `customers.*`, `exports/*.csv`."""

import re
from dataclasses import dataclass
from functools import cached_property

_SPECIAL = re.compile(r"([*?])")


@dataclass(frozen=True)
class LocationPattern:
    """A text in which `*` stands for any characters, also none, and `?` for one; upper and lower case differ.

    Places have no folders only: `a.zip/b.xlsx:people.email` is one. So `*` crosses every sign.
    """

    text: str

    def matches(self, location: str) -> bool:
        return self._regex.fullmatch(location) is not None

    @property
    def beginning(self) -> str:
        """What every location that matches begins with."""
        return _SPECIAL.split(self.text, maxsplit=1)[0]

    @property
    def is_exact(self) -> bool:
        """Whether it is a location itself."""
        return self.beginning == self.text

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        means = {"*": ".*", "?": "."}
        parts = (means.get(part) or re.escape(part) for part in _SPECIAL.split(self.text))
        return re.compile("".join(parts), re.DOTALL)
