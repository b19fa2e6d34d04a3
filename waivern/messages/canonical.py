"""The one way a message's content becomes bytes, so that equal content has an equal digest."""

import hashlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import zstandard

from waivern.errors import MessageError
from waivern.messages.frames import Frames
from waivern.messages.memory import give_back

PART = 1 << 20
"""Bytes of a part of a large content, about."""

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(dict[str, Any])
_items_decoder = msgspec.json.Decoder(list[Any])
_LEVEL = 3
_LONG_TEXT = 1000


def canonical_bytes(content: Any) -> bytes:
    """Return the JSON of `content` with sorted keys and no blanks.

    What is not quite JSON becomes it: a tuple or set a list, an instant its ISO 8601 text, bytes their base64, and NaN
    or an infinity null. So what is stored may say less than what was given; components give plain JSON.

    Raises:
        MessageError: `content` holds something that JSON cannot say, such as a lone surrogate or an object.
    """
    try:
        return _encoder.encode(content)
    except (TypeError, ValueError, RecursionError) as error:
        raise MessageError(f"The message's content is not JSON: {error}") from error


class CanonicalForm:
    """A content's canonical bytes, in parts where they are many, so that they never are in memory all at once.

    Iterating gives what joined is `canonical_bytes`: once where it is small, else what stands before the longest list,
    the list's items about `part_bytes` at a time (all but the first part of them begin with a comma), and what stands
    behind. `digest` is the SHA-256 of all, `size` their number.

    Raises:
        MessageError: as `canonical_bytes`.
    """

    def __init__(self, content: Mapping[str, Any], *, part_bytes: int = PART) -> None:
        self._content = content
        self._part_bytes = part_bytes
        self._key = _key_of_longest_list(content)
        self._sum_up()

    def _sum_up(self) -> None:
        self.whole: bytes | None = None
        sha, size, part_bytes = hashlib.sha256(), 0, self._part_bytes
        parts: list[bytes] = []
        for part in self._made():
            sha.update(part)
            size += len(part)
            if size <= 2 * part_bytes:
                parts.append(part)
            else:
                parts.clear()
        self.digest, self.size = sha.hexdigest(), size
        if parts:
            self.whole = b"".join(parts)

    def __iter__(self) -> Iterator[bytes]:
        return iter([self.whole]) if self.whole is not None else self._made()

    def frames(self) -> Iterable[bytes]:
        """Return what iterating gives, each part compressed by itself; made once, and gone through again and again."""
        return Frames(map(compressed, self))

    def _made(self) -> Iterator[bytes]:
        try:
            if self._key is None:
                yield _encoder.encode(self._content)
                return
            before, after = encoded_around(self._content, self._key)
            yield before
            yield from _encoded_items(self._content[self._key], self._part_bytes)
            yield after
        except (TypeError, ValueError, RecursionError) as error:
            raise MessageError(f"The message's content is not JSON: {error}") from error


def content_of_parts(parts: Iterable[bytes]) -> dict[str, Any]:
    """Return the content that the parts of a `CanonicalForm` were made of.

    Raises:
        MessageError: they are not the parts of a JSON object.
    """
    items: list[Any] = []
    before = last = b""
    for number, part in enumerate(parts):
        if number == 0:
            before = part
            continue
        if number > 1:
            items += items_in_part(last)
        else:
            give_back()
        last = part
    content = content_of(before + last)
    if items:
        content[str(key_opened_by(before))] = items
    return content


def key_opened_by(part: bytes) -> str | None:
    """Return the key whose list begins at the end of a first part; None where none does."""
    return part[part.rindex(b'"', 0, -3) + 1 : -3].decode() if part.endswith(b'":[') else None


def items_of_parts(parts: Iterable[bytes], key: str) -> Iterator[Any]:
    """Yield the items of a content's list `key` one by one, of which a part is in memory at a time.

    Where the content is not in parts, or they are not those of this list, all of it is read at once.

    Raises:
        MessageError: they are not the parts of a JSON object.
    """
    one_by_one = iter(parts)
    first = next(one_by_one, b"")
    if first.endswith(_opening(key)):
        for part, _ in itertools.pairwise(one_by_one):  # the last is what stands behind the list
            yield from items_in_part(part)
        return
    listed = content_of_parts(itertools.chain([first], one_by_one)).get(key)
    yield from listed if isinstance(listed, list) else ()


def content_around(parts: Iterable[bytes], key: str) -> dict[str, Any]:
    """Return a content without its list `key`, whose items are passed over where the parts are those of this list.

    Raises:
        MessageError: they are not the parts of a JSON object.
    """
    one_by_one = iter(parts)
    first = next(one_by_one, b"")
    if first.endswith(_opening(key)):
        content = content_of(first + b"".join(deque(one_by_one, maxlen=1)))
    else:
        content = content_of_parts(itertools.chain([first], one_by_one))
    content.pop(key, None)
    return content


def _opening(key: str) -> bytes:
    return f'"{key}":['.encode()


def items_in_part(part: bytes) -> list[Any]:
    """Return the items of one of the parts that hold a list.

    Raises:
        MessageError: it is no such part.
    """
    try:
        found: list[Any] = _items_decoder.decode(b"[" + part.removeprefix(b",") + b"]")
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageError(f"The stored content is not a JSON object: {error}") from error
    return found


def _key_of_longest_list(content: Mapping[Any, Any]) -> str | None:
    """The key whose list is cut into parts: one that is written as it is, so that it is found again."""
    if not all(isinstance(key, str) for key in content):
        return None
    lengths = {
        key: len(value)
        for key, value in content.items()
        if isinstance(value, list) and value and key.isascii() and key.isidentifier()
    }
    return max(sorted(lengths), key=lengths.__getitem__) if lengths else None


def encoded_around(content: Mapping[str, Any], key: str) -> tuple[bytes, bytes]:
    """Return what stands before the items of a content's list `key` and what stands behind them.

    Raises:
        MessageError: as `canonical_bytes`.
    """
    before = canonical_bytes({name: value for name, value in content.items() if name < key})[:-1]
    after = canonical_bytes({name: value for name, value in content.items() if name > key})[1:]
    return before + (b',"' if before != b"{" else b'"') + key.encode() + b'":[', (
        b"]," if after != b"}" else b"]"
    ) + after


def _encoded_items(items: list[Any], part_bytes: int) -> Iterator[bytes]:
    part, first = bytearray(), True
    for item in items:
        if not first:
            part += b","
        part += _encoder.encode(_copied(item))
        first = False
        if len(part) >= part_bytes:
            yield bytes(part)
            part = bytearray()
    if part:
        yield bytes(part)


def _copied(item: Any) -> Any:
    """The item with copies of its long texts: one that is not ASCII keeps its UTF-8 beside it once it was encoded."""
    if not isinstance(item, dict) or not any(map(_keeps_its_bytes, item.values())):
        return item
    return {key: value[:1] + value[1:] if _keeps_its_bytes(value) else value for key, value in item.items()}


def _keeps_its_bytes(value: Any) -> bool:
    return isinstance(value, str) and len(value) > _LONG_TEXT and not value.isascii()


def content_of(canonical: bytes) -> dict[str, Any]:
    """Return the content that `canonical_bytes` was made of.

    Raises:
        MessageError: the bytes are not a JSON object.
    """
    try:
        return _decoder.decode(canonical)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageError(f"The stored content is not a JSON object: {error}") from error


def compressed(part: bytes | bytearray) -> bytes:
    """Return a part as one frame of zstd (RFC 8878) that says how long it is unpacked."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(part)


def digest_of(canonical: bytes) -> str:
    """Return the SHA-256 of the bytes as 64 hexadecimal digits (FIPS 180-4)."""
    return hashlib.sha256(canonical).hexdigest()
