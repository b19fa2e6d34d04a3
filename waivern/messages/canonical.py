"""The canonical form of a message's content: equal content has equal bytes and an equal digest."""

import hashlib
import threading
from collections.abc import Mapping
from typing import Any

import msgspec
import zstandard

from waivern.errors import MessageError, text_of

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
        raise not_json(error) from error


def not_json(error: Exception) -> MessageError:
    """Return the error for a content whose encoding failed with `error`."""
    if isinstance(error, TypeError | ValueError | RecursionError):
        return MessageError(f"The message's content is not JSON: {text_of(error)}")
    return MessageError(f"The message's content is not JSON: {type(error).__name__}: {text_of(error)}")


def decode_items(array: bytes) -> list[Any]:
    """Return the items of a JSON array.

    Raises:
        MessageError: it is not an array.
    """
    try:
        items: list[Any] = _items_decoder.decode(array)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageError(f"The stored content is not a JSON array: {error}") from error
    return items


def key_of_longest_list(content: Mapping[Any, Any]) -> str | None:
    """Return the key of the list to split, which must be an identifier; None if there is none."""
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


def with_copied_texts(item: Any) -> Any:
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


def compress(data: bytes | bytearray) -> bytes:
    """Return bytes as one zstd frame (RFC 8878) with their number in the header."""
    if not hasattr(_thread_local, "compressor"):  # creating one takes longer than compressing a few kilobytes
        _thread_local.compressor = zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL)
    compressed: bytes = _thread_local.compressor.compress(data)
    return compressed


def decompress(frame: bytes) -> bytes:
    """Return the bytes of a frame that this process has compressed."""
    if not hasattr(_thread_local, "decompressor"):
        _thread_local.decompressor = zstandard.ZstdDecompressor()
    data: bytes = _thread_local.decompressor.decompress(frame)
    return data


_thread_local = threading.local()


def digest_of(canonical: bytes | bytearray) -> str:
    """Return the SHA-256 of the bytes as 64 hexadecimal digits (FIPS 180-4)."""
    return hashlib.sha256(canonical).hexdigest()
