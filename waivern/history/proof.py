"""How what is remembered is hashed: rows into leaves, leaves into one root (RFC 9162, section 2.1.1)."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from waivern.history.event_log import instant
from waivern.messages.canonical import canonical_bytes

_LEAF, _NODE = b"\x00", b"\x01"
_LENGTH_OF_INSTANT = len("2026-11-25 09:30:00.000000")
_SQLITE_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{6})")


def leaf_of(what: str, row: Mapping[str, Any]) -> bytes:
    """Return the hash of a row: SHA-256 of a zero byte and the canonical JSON of its columns that hold something.

    Args:
        what: The table it is of, for a row of one must not pass for one of another.
        row: Its columns, each as the database holds it: see `plain`.
    """
    said = {name: plain(value) for name, value in row.items() if value is not None}
    return hashlib.sha256(_LEAF + canonical_bytes({"what": what, "row": said})).digest()


def plain(value: Any) -> Any:
    """Return a stored value as it is hashed, the same whichever database holds it, and no two values as one.

    An instant is 2026-11-25T09:30:00.000000+00:00, bytes are hexadecimal, a truth value is 0 or 1; a text that is no
    UTF-8, as only damage makes it, has escapes in place of what is not.
    """
    how = _AS_HASHED.get(type(value))
    return value if how is None else how(value)


def _plain_text(text: str) -> str:
    if len(text) == _LENGTH_OF_INSTANT and (found := _SQLITE_INSTANT.fullmatch(text)) is not None:
        return f"{found[1]}T{found[2]}+00:00"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


_AS_HASHED: Mapping[type, Callable[[Any], Any]] = {
    bool: int,
    bytes: bytes.hex,
    memoryview: memoryview.hex,
    datetime: instant,
    str: _plain_text,
}


class MerkleTree:
    """The root over leaves that come one after the other; it holds no more than one hash a level."""

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
        """Add the hash of a leaf; two subtrees of one size become one."""
        self.size += 1
        self._subtrees.append(leaf)
        full = self.size
        while full % 2 == 0:
            right, left = self._subtrees.pop(), self._subtrees.pop()
            self._subtrees.append(_node(left, right))
            full //= 2

    @property
    def root(self) -> str:
        """The root over all leaves so far, as 64 hexadecimal digits; that of none is the SHA-256 of nothing."""
        if not self._subtrees:
            return hashlib.sha256(b"").hexdigest()
        *others, root = self._subtrees
        for left in reversed(others):
            root = _node(left, root)
        return root.hex()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
