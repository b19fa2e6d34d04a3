"""Parts: how the items of a large list are grouped, so that a changed item changes one part only."""

import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import msgspec

from waivern.errors import MessageError
from waivern.messages.canonical import canonical_bytes

MAX_MANIFEST_BYTES = 1 << 28
"""The size up to which stored bytes are read as a manifest."""

MANIFEST_START = b'{"envelope":["'

_FORMAT = 1
_SEPARATOR = "\x1f"


class Part(NamedTuple):
    """A group of neighbouring items of a list.

    Args:
        digest: The SHA-256 of its canonical JSON, which is an array of the items.
        items: How many there are.
        size: The number of bytes of its JSON.
    """

    digest: str
    items: int
    size: int


@dataclass(frozen=True)
class PartSizes:
    """How large parts are, in bytes of JSON.

    Args:
        unit: A unit of at least half this size always ends a part; smaller ones are grouped to about this size.
        item: The items of a larger unit are grouped to parts of at least this size.
        maximum: A part ends as soon as it has this size. A single item may be larger.
    """

    unit: int = 32 * 1024
    item: int = 256 * 1024
    maximum: int = 1024 * 1024


DEFAULT_SIZES = PartSizes()


Unit = tuple[Any, ...] | bytes
"""What identifies a unit: source, file and table; or an item's JSON, if it is in neither."""


class PartBorders:
    """Decides, item by item, where parts end: at borders that depend on the items near them only.

    Neighbouring items of one file or table are a unit. Whether a part ends after a unit depends on a hash of the unit's
    name and on its rounded size. So a unit that is added, removed or changed affects its own part, and sometimes the
    next one. Within a large unit, borders depend on hashes of items.
    """

    def __init__(self, sizes: PartSizes = DEFAULT_SIZES) -> None:
        self._sizes, self._item_size = sizes, sizes.item
        self._unit: Unit = b""
        self._unit_size = 0
        self._part_size = 0

    def ends(self, item: Any, encoded: bytes) -> tuple[bool, bool]:
        """Return whether the open part ends before this item, and whether it ends after it; call it for each item.

        Args:
            item: The item.
            encoded: Its JSON.
        """
        unit, size, before = unit_of(item, encoded), len(encoded), False
        if unit != self._unit:
            before = self._part_size > 0 and _is_chosen(self._unit, self._unit_size, self._sizes.unit)
            self._unit, self._unit_size = unit, 0
            if before:
                self._part_size = 0
        self._unit_size += size
        self._part_size += size
        if self._part_size < self._item_size:
            return before, False
        after = self._part_size >= self._sizes.maximum or zlib.crc32(encoded) % self._item_size < size
        if after:
            self._part_size = 0
        return before, after


def unit_of(item: Any, encoded: bytes) -> Unit:
    """Return what identifies the unit that an item belongs to."""
    if not isinstance(item, dict):
        return encoded
    for name in ("metadata", "location"):
        place = item.get(name)
        if isinstance(place, dict) and ("file_path" in place or "table" in place):
            return place.get("source"), place.get("file_path"), place.get("table")
    return (item.get("source"), item["file_path"], None) if "file_path" in item else encoded


@dataclass(frozen=True)
class Manifest:
    """What a content that is stored in parts consists of: digests and counts, but nothing of the content itself.

    Args:
        key: The list whose items are in parts.
        envelope: The rest of the content, as a part with no items.
        parts: The parts, in order.
    """

    key: str
    envelope: Part
    parts: Sequence[Part]

    @property
    def size(self) -> int:
        """The number of bytes of the whole content's canonical JSON."""
        comma = self.envelope.size > len("{}")
        separators = max(0, len(self.parts) - 1)
        brackets = 2 * len(self.parts)
        own = len(f'"{self.key}":[]'.encode()) + comma + separators - brackets
        return self.envelope.size + own + sum(part.size for part in self.parts)

    def encode(self) -> bytes:
        """Return the manifest's canonical JSON, whose digest is the digest of the content."""
        content = {"format": _FORMAT, "list": self.key, "envelope": self.envelope[::2], "parts": self.parts}
        return canonical_bytes(content)

    @classmethod
    def decode(cls, encoded: bytes) -> "Manifest":
        """Return the manifest of its JSON.

        Raises:
            MessageError: it is not a manifest.
        """
        try:
            found = msgspec.json.decode(encoded, type=_EncodedManifest)
        except (msgspec.DecodeError, RecursionError) as error:
            raise MessageError(f"The manifest cannot be read: {error}") from error
        if not _HEXADECIMAL.fullmatch("".join([found.envelope[0], *(part[0] for part in found.parts)])):
            raise MessageError("The manifest cannot be read: a digest is not hexadecimal")
        if found.format != _FORMAT:
            raise MessageError(f"The manifest has format {found.format} instead of {_FORMAT}")
        digest, size = found.envelope
        return cls(found.list, Part(digest, 0, size), [Part(*part) for part in found.parts])


_Digest = Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
_HEXADECIMAL = re.compile("[0-9a-f]*")
_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]


class _EncodedManifest(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    list: str
    envelope: tuple[_Digest, _Count]
    parts: Sequence[tuple[_Digest, _Count, _Count]]


def _is_chosen(unit: Unit, size: int, expected: int) -> bool:
    """Choose units so that about `expected` bytes lie between two chosen ones; the size is rounded to a power of 2."""
    threshold = 1 << size.bit_length()
    if threshold >= expected:
        return True
    name = unit if isinstance(unit, bytes) else _SEPARATOR.join(map(str, unit)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") % expected < threshold
