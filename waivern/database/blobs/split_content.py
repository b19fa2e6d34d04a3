"""Large contents as earlier versions stored them: the JSON before a list, its items in pieces, the JSON after it."""

from collections.abc import Iterable, Iterator
from typing import Any

from waivern.messages.canonical import content_of, decode_items


def list_key_of(first: bytes) -> str | None:
    """Return the key whose list begins at the end of the first piece; None if the content is not split."""
    return first[first.rindex(b'"', 0, -3) + 1 : -3].decode() if first.endswith(b'":[') else None


def content_of_pieces(pieces: Iterable[bytes]) -> dict[str, Any]:
    """Return the content.

    Raises:
        MessageError: they are not the pieces of a JSON object.
    """
    first, *inner = pieces
    last = inner.pop() if inner else b""
    content = content_of(first + last)
    key = list_key_of(first)
    if key is not None:
        content[key] = list(items_of_pieces(inner))
    return content


def items_of_pieces(pieces: Iterable[bytes]) -> Iterator[Any]:
    """Yield the items in the pieces between the first and the last; all but one begin with a comma."""
    for piece in pieces:
        yield from decode_items(b"[%b]" % piece.removeprefix(b","))
