"""The canonical form of a message's content: equal content has equal bytes and an equal digest."""

import hashlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import zstandard

from waivern.errors import MessageError, text_of
from waivern.messages.frames import FrameBuffer
from waivern.messages.memory import release_free_memory

PART_SIZE = 1 << 20
"""The approximate size of the parts into which large content is split, in bytes."""

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(dict[str, Any])
_items_decoder = msgspec.json.Decoder(list[Any])
_COMPRESSION_LEVEL = 3
_LONG_TEXT_LENGTH = 1000


def canonical_bytes(content: Any) -> bytes:
    """Return the JSON of `content` with sorted keys and without blanks.

    Values that JSON does not have are converted: a tuple or set to a list, a datetime to ISO 8601, bytes to base64, NaN
    and infinities to null. Components should produce plain JSON, because these conversions lose information.

    Raises:
        MessageError: `content` contains a value that cannot be converted, such as a lone surrogate or an object.
    """
    try:
        return _encoder.encode(content)
    except Exception as error:  # an object of a component may raise anything
        raise _not_json(error) from error


class CanonicalForm:
    """The canonical bytes of a content; large content is split into parts that are never all in memory.

    Iterating yields parts that joined are `canonical_bytes`. Small content is one part (`whole`). Large content is the
    JSON before its longest list, the items of the list in parts of about `part_bytes` (all but the first begin with a
    comma), and the JSON after the list. `digest` is the SHA-256 of all bytes, `size` their number.

    Raises:
        MessageError: as `canonical_bytes`.
    """

    def __init__(self, content: Mapping[str, Any], *, part_bytes: int = PART_SIZE) -> None:
        self._content = content
        self._part_bytes = part_bytes
        try:
            self._key = _key_of_longest_list(content)
        except Exception as error:
            raise _not_json(error) from error
        self._compute_digest()

    def _compute_digest(self) -> None:
        self.whole: bytes | None = None
        sha, size, part_bytes = hashlib.sha256(), 0, self._part_bytes
        parts: list[bytes] = []
        for part in self._parts():
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
        return iter([self.whole]) if self.whole is not None else self._parts()

    def frames(self) -> Iterable[bytes]:
        """Return the parts, each compressed as one frame. They are computed once and can be iterated repeatedly."""
        return FrameBuffer(map(compress, self))

    def _parts(self) -> Iterator[bytes]:
        try:
            if self._key is None:
                yield _encoder.encode(self._content)
                return
            before, after = encode_envelope(self._content, self._key)
            yield before
            yield from _encoded_items(self._content[self._key], self._part_bytes)
            yield after
        except MessageError:
            raise
        except Exception as error:
            raise _not_json(error) from error


def _not_json(error: Exception) -> MessageError:
    if isinstance(error, TypeError | ValueError | RecursionError):
        return MessageError(f"The message's content is not JSON: {text_of(error)}")
    return MessageError(f"The message's content is not JSON: {type(error).__name__}: {text_of(error)}")


def content_of_parts(parts: Iterable[bytes]) -> dict[str, Any]:
    """Return the content of which `parts` are the `CanonicalForm`.

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
            items += decode_items(last)
        else:
            release_free_memory()
        last = part
    content = content_of(before + last)
    if items:
        content[str(list_key_of(before))] = items
    return content


def list_key_of(part: bytes) -> str | None:
    """Return the key whose list begins at the end of a first part; None if the content is not split."""
    return part[part.rindex(b'"', 0, -3) + 1 : -3].decode() if part.endswith(b'":[') else None


def items_of_parts(parts: Iterable[bytes], key: str) -> Iterator[Any]:
    """Yield the items of a content's list `key`, with one part in memory at a time.

    If the content is not split, or at another list, it is decoded as a whole.

    Raises:
        MessageError: they are not the parts of a JSON object.
    """
    remaining = iter(parts)
    first = next(remaining, b"")
    if first.endswith(_opening(key)):
        for part, _ in itertools.pairwise(remaining):  # the last part is the JSON after the list
            yield from decode_items(part)
        return
    items = content_of_parts(itertools.chain([first], remaining)).get(key)
    yield from items if isinstance(items, list) else ()


def envelope_without(parts: Iterable[bytes], key: str) -> dict[str, Any]:
    """Return a content without its list `key`, whose items are not decoded if the content is split at this list.

    Raises:
        MessageError: they are not the parts of a JSON object.
    """
    remaining = iter(parts)
    first = next(remaining, b"")
    if first.endswith(_opening(key)):
        content = content_of(first + b"".join(deque(remaining, maxlen=1)))
    else:
        content = content_of_parts(itertools.chain([first], remaining))
    content.pop(key, None)
    return content


def _opening(key: str) -> bytes:
    return f'"{key}":['.encode()


def decode_items(part: bytes) -> list[Any]:
    """Return the items in one part of a list.

    Raises:
        MessageError: it is not such a part.
    """
    try:
        items: list[Any] = _items_decoder.decode(b"[" + part.removeprefix(b",") + b"]")
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageError(f"The stored content is not a JSON object: {error}") from error
    return items


def _key_of_longest_list(content: Mapping[Any, Any]) -> str | None:
    """Return the key of the list to split: an identifier, because `list_key_of` reads it back without unescaping."""
    if not all(isinstance(key, str) for key in content):
        return None
    lengths = {
        key: len(value)
        for key, value in content.items()
        if isinstance(value, list) and value and key.isascii() and key.isidentifier()
    }
    return max(sorted(lengths), key=lengths.__getitem__) if lengths else None


def encode_envelope(content: Mapping[str, Any], key: str) -> tuple[bytes, bytes]:
    """Return the JSON before and after the items of a content's list `key`.

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
        part += _encoder.encode(_with_copied_texts(item))
        first = False
        if len(part) >= part_bytes:
            yield bytes(part)
            part = bytearray()
    if part:
        yield bytes(part)


def _with_copied_texts(item: Any) -> Any:
    """Return the item with copies of its long texts.

    CPython caches the UTF-8 of a string that is not ASCII once it was encoded; a copy is freed together with its cache.
    """
    if not isinstance(item, dict) or not any(map(_would_cache_utf_8, item.values())):
        return item
    return {key: value[:1] + value[1:] if _would_cache_utf_8(value) else value for key, value in item.items()}


def _would_cache_utf_8(value: Any) -> bool:
    return isinstance(value, str) and len(value) > _LONG_TEXT_LENGTH and not value.isascii()


def content_of(canonical: bytes) -> dict[str, Any]:
    """Return the content of which `canonical` are the canonical bytes.

    Raises:
        MessageError: the bytes are not a JSON object.
    """
    try:
        return _decoder.decode(canonical)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageError(f"The stored content is not a JSON object: {error}") from error


def compress(part: bytes | bytearray) -> bytes:
    """Return a part as one zstd frame (RFC 8878) with its decompressed size in the header."""
    return zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL).compress(part)


def digest_of(canonical: bytes) -> str:
    """Return the SHA-256 of the bytes as 64 hexadecimal digits (FIPS 180-4)."""
    return hashlib.sha256(canonical).hexdigest()
