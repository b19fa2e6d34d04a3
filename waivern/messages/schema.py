"""The name and version of a message's schema."""

import re
from dataclasses import dataclass

from waivern.errors import MessageError

_SCHEMA = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_-]*)/(?P<version>\d+\.\d+\.\d+)")


@dataclass(frozen=True, order=True)
class Schema:
    """A schema's name and version, such as `standard_input` and `1.0.0`; `str()` is "standard_input/1.0.0"."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"

    @classmethod
    def parse(cls, text: str) -> "Schema":
        """Parse "name/major.minor.patch".

        Raises:
            MessageError: `text` has a different form.
        """
        match = _SCHEMA.fullmatch(text)
        if match is None:
            raise MessageError(f"'{text}' is not a schema", remedy="Write it as name/1.0.0")
        return cls(match["name"], match["version"])


STANDARD_INPUT = Schema("standard_input", "1.0.0")
"""The schema of the text that connectors extract."""
