"""The document that a format reads, and the parts that it produces."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from waivern.files.decoding import DecodedText, decode


class FormatError(Exception):
    """The content does not follow the format that it appears to have, or exceeds the format's limits."""


@dataclass(frozen=True)
class Document:
    """A file as a format sees it.

    Args:
        name: The file's name in a message: its path relative to the root; members of archives follow "!/".
        content: Its bytes.
        limit: The maximum number of bytes of one member, and of characters that are extracted in all.
        encoding: The encoding of its text; None: detect it.
    """

    name: str
    content: bytes
    limit: int
    encoding: str | None = None

    @cached_property
    def decoded(self) -> DecodedText:
        """The content as text.

        Raises:
            NotTextError: it is not text.
        """
        return decode(self.content, encoding=self.encoding)

    @property
    def text(self) -> str:
        return self.decoded.text


@dataclass(frozen=True)
class Part:
    """A text extracted from a file, and where it is from: its table, column, page, ..."""

    content: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """A file inside a file. `unpack` takes a limit and returns at most as many bytes, or raises as `File.read` does."""

    name: str
    unpack: Callable[[int], bytes]

    def read(self, *, limit: int) -> bytes:
        return self.unpack(limit)


def member_name(name: str, path: str) -> str:
    """Return the name of the member at `path` of the file `name`."""
    return f"{name}!/{path.lstrip('/')}"


def stem_of(name: str) -> str:
    """Return a file's base name without its extension."""
    base = name.replace("!/", "/").rpartition("/")[2]
    stem, dot, _ = base.rpartition(".")
    return stem if dot and stem else base


def suffix_of(name: str) -> str:
    """Return a file's extension in lower case, with its dot; "" if it has none."""
    base = name.replace("!/", "/").rpartition("/")[2]
    stem, dot, extension = base.rpartition(".")
    return f".{extension.lower()}" if dot and stem else ""
