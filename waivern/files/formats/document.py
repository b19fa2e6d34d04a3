"""What a format is given, and what it may make of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from waivern.files.decoding import Decoded, decoded


class UnsuitableError(Exception):
    """A file is not of the format that it seemed to be, or is beyond the format's bounds."""


@dataclass(frozen=True)
class Document:
    """A file as a format sees it.

    Args:
        name: What the file is called in a message: its path relative to the root, with "!/" before a member's path.
        content: Its bytes.
        most: How many bytes a member of it may have, and how many characters may be made of it.
        encoding: What its text is written in; None: found out.
    """

    name: str
    content: bytes
    most: int
    encoding: str | None = None

    @cached_property
    def decoded(self) -> Decoded:
        """The content as text.

        Raises:
            NotTextError: it is none.
        """
        return decoded(self.content, encoding=self.encoding)

    @property
    def text(self) -> str:
        return self.decoded.text


@dataclass(frozen=True)
class Part:
    """One text of a file, and what is said of it beside the file's name: its table, its column, its page, ..."""

    content: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """A file within a file. `unpacked` returns its bytes, if they are no more than so many, as `File.read` does."""

    name: str
    unpacked: Callable[[int], bytes]

    def read(self, *, limit: int) -> bytes:
        return self.unpacked(limit)


def within(name: str, path: str) -> str:
    """Return what a member of the file `name` is called."""
    return f"{name}!/{path.lstrip('/')}"


def stem_of(name: str) -> str:
    """Return a file's base name without its extension."""
    base = name.replace("!/", "/").rpartition("/")[2]
    stem, dot, _ = base.rpartition(".")
    return stem if dot and stem else base


def suffix_of(name: str) -> str:
    """Return a file's extension in lower case, with its dot; "" where it has none."""
    base = name.replace("!/", "/").rpartition("/")[2]
    stem, dot, extension = base.rpartition(".")
    return f".{extension.lower()}" if dot and stem else ""
