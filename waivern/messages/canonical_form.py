"""The form in which a content is identified and stored: whole, or in parts if it is large."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from waivern.errors import MessageError
from waivern.messages.canonical import (
    canonical_bytes,
    digest_of,
    encode_envelope,
    key_of_longest_list,
    not_json,
    with_copied_texts,
)
from waivern.messages.compressed_items import CompressedItems, CompressedSequence
from waivern.messages.parts import DEFAULT_SIZES, Manifest, Part, PartSizes

WHOLE_BYTES = 256 * 1024
"""The size up to which a content is stored whole."""


class CanonicalForm:
    """The form of a content; iterating yields its canonical JSON in pieces. `size` is the number of bytes of the JSON.

    Content of up to `whole_bytes`, or without a list, is `whole`, and `digest` is the SHA-256 of its JSON. Larger
    content has `parts`, and `digest` is the SHA-256 of their manifest.

    Raises:
        MessageError: as `canonical_bytes`.
    """

    def __init__(
        self, content: Mapping[str, Any], *, whole_bytes: int = WHOLE_BYTES, sizes: PartSizes = DEFAULT_SIZES
    ) -> None:
        try:
            self._set(content, whole_bytes, sizes)
        except MessageError:
            raise
        except Exception as error:  # an object of a component may raise anything
            raise not_json(error) from error

    def _set(self, content: Mapping[str, Any], whole_bytes: int, sizes: PartSizes) -> None:
        key = key_of_longest_list(content)
        whole = canonical_bytes(content) if key is None else _small_content(content, key, whole_bytes)
        if key is None or whole is not None:
            self._set_whole(whole or b"{}")
            return
        envelope = {name: value for name, value in content.items() if name != key}
        items = CompressedItems(map(with_copied_texts, content[key]), sizes=sizes)
        self._set_parts(ContentInParts(envelope, key, items), whole_bytes)

    @classmethod
    def of_items(
        cls, envelope: Mapping[str, Any], key: str, items: CompressedSequence, *, whole_bytes: int = WHOLE_BYTES
    ) -> "CanonicalForm":
        """Return the form of a content whose list `key` is compressed; raises as the constructor does."""
        form = cls.__new__(cls)
        form._set_parts(ContentInParts(envelope, key, items), whole_bytes)
        return form

    def __iter__(self) -> Iterator[bytes]:
        return iter([self.whole] if self.whole is not None else self.parts or ())

    def _set_whole(self, canonical: bytes) -> None:
        self.whole: bytes | None = canonical
        self.parts: ContentInParts | None = None
        self.digest, self.size = digest_of(canonical), len(canonical)

    def _set_parts(self, parts: "ContentInParts", whole_bytes: int) -> None:
        if parts.manifest.size <= whole_bytes:
            self._set_whole(b"".join(parts))
            return
        self.whole, self.parts, self.size = None, parts, parts.manifest.size
        self.digest = digest_of(parts.manifest.encode())


class ContentInParts:
    """A content whose list `key` is compressed: its manifest, and what that refers to. Iterating yields its JSON."""

    def __init__(self, envelope: Mapping[str, Any], key: str, items: CompressedSequence) -> None:
        self.envelope = canonical_bytes(envelope)
        self.items = items
        self.manifest = Manifest(key, Part(digest_of(self.envelope), 0, len(self.envelope)), items.parts)
        self._before, self._after = encode_envelope(envelope, key)

    def __iter__(self) -> Iterator[bytes]:
        yield self._before
        yield from _joined(self.items.arrays())
        yield self._after


def _small_content(content: Mapping[str, Any], key: str, limit: int) -> bytes | None:
    """Return the canonical bytes, or None as soon as they are more than `limit`."""
    before, after = encode_envelope(content, key)
    size, encoded = len(before) + len(after), []
    for item in content[key]:
        encoded.append(canonical_bytes(with_copied_texts(item)))
        size += len(encoded[-1]) + 1
        if size > limit + 1:
            return None
    return before + b",".join(encoded) + after


def _joined(arrays: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the items of JSON arrays, separated by commas."""
    is_first = True
    for array in arrays:
        yield array[1:-1] if is_first else b"," + array[1:-1]
        is_first = False
