"""Merkle trees over rows: each row is hashed into a leaf, all leaves into one root (RFC 9162, section 2.1.1)."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from waivern.history.events import iso_instant
from waivern.messages.canonical import canonical_bytes

_LEAF, _NODE = b"\x00", b"\x01"
_INSTANT_LENGTH = len("2026-11-25 09:30:00.000000")
_SQLITE_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{6})")


def leaf_hash(table: str, row: Mapping[str, Any]) -> bytes:
    """Return the hash of a row: SHA-256 of a zero byte and the canonical JSON of its columns that are not null.

    Args:
        table: The name of the row's table; it is hashed too, so that rows of different tables never have equal hashes.
        row: The columns with the values that the database holds; see `hashable`.
    """
    values = {name: hashable(value) for name, value in row.items() if value is not None}
    return hashlib.sha256(_LEAF + canonical_bytes({"table": table, "row": values})).digest()


def hashable(value: Any) -> Any:
    """Return a stored value as hashes cover it: the same for every database, different for different values.

    A time becomes 2026-11-25T09:30:00.000000+00:00, bytes hexadecimal, a boolean 0 or 1. Bytes in a text that are not
    UTF-8, which only tampering produces, become escapes.
    """
    convert = _CONVERSIONS.get(type(value))
    return value if convert is None else convert(value)


def _hashable_text(text: str) -> str:
    if len(text) == _INSTANT_LENGTH and (match := _SQLITE_INSTANT.fullmatch(text)) is not None:
        return f"{match[1]}T{match[2]}+00:00"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


_CONVERSIONS: Mapping[type, Callable[[Any], Any]] = {
    bool: int,
    bytes: bytes.hex,
    memoryview: memoryview.hex,
    datetime: iso_instant,
    str: _hashable_text,
}


class MerkleTree:
    """The root over leaves that are added one by one; it keeps at most one hash per level in memory."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[bytes] = []

    @classmethod
    def of(cls, leaves: Iterable[bytes]) -> "MerkleTree":
        tree = cls()
        for leaf in leaves:
            tree.add(leaf)
        return tree

    def add(self, leaf: bytes) -> None:
        """Add the hash of a leaf."""
        self.size += 1
        self._subtrees.append(leaf)
        full = self.size
        while full % 2 == 0:  # two complete subtrees of equal size are merged
            right, left = self._subtrees.pop(), self._subtrees.pop()
            self._subtrees.append(_node(left, right))
            full //= 2

    @property
    def root(self) -> str:
        """The root over all leaves so far, as 64 hexadecimal digits; without leaves the SHA-256 of no bytes."""
        if not self._subtrees:
            return hashlib.sha256(b"").hexdigest()
        *others, root = self._subtrees
        for left in reversed(others):
            root = _node(left, root)
        return root.hex()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
