"""What a message reports as not scanned: the name, the reason in words, and a code for programs."""

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """Why something was not scanned. Programs compare the code; the reason in words is for people."""

    EXCLUDED = "excluded"
    """An exclude pattern of the runbook matches it."""

    NOT_INCLUDED = "not_included"
    """The runbook asks for other files, tables or languages only."""

    NO_MATCH = "no_match"
    """An include pattern of the runbook that matches nothing."""

    DUPLICATE = "duplicate"
    """The same content is scanned under another name."""

    LINK = "link"
    """A link, submodule or pointer whose target is not part of the scan."""

    SYSTEM = "system"
    """It belongs to the database server itself."""

    BINARY = "binary"
    """It is not text."""

    ENCODING = "encoding"
    """Some of its bytes are not valid in its encoding."""

    ENCRYPTED = "encrypted"
    """It cannot be decrypted."""

    DAMAGED = "damaged"
    """Its content does not follow its format."""

    NO_TEXT = "no_text"
    """It contains no text: an empty archive, a scanned page."""

    TOO_LARGE = "too_large"
    """It is larger than one file may be, also once it is unpacked."""

    TOO_COMPLEX = "too_complex"
    """It has more members, levels or columns than are read."""

    TIME_LIMIT = "time_limit"
    """Parsing it takes more time than one file may."""

    MEMORY_LIMIT = "memory_limit"
    """Parsing it takes more memory than one file may."""

    LIMIT_REACHED = "limit_reached"
    """The scan had already read as much as its limits allow."""

    TRUNCATED = "truncated"
    """Only the beginning of the value was read."""

    UNREADABLE = "unreadable"
    """It could not be read: permission denied, a lock, an I/O error."""

    UNSUPPORTED = "unsupported"
    """It is of a kind that is not read."""

    NOT_INSTALLED = "not_installed"
    """A package that reads it is not installed."""


@dataclass(frozen=True)
class NotScanned:
    """Something that was not scanned, or not completely.

    Args:
        name: A file, folder (ends in "/"), table, column or a part of one; relative to the source.
        reason: Why, in words.
        code: Why, for programs.
    """

    name: str
    reason: str
    code: ReasonCode

    def as_json(self) -> dict[str, str]:
        """Return the entry of `metadata.not_scanned`."""
        return {"name": self.name, "reason": self.reason, "code": self.code.value}
