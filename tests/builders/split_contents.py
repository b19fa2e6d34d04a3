"""Large contents as versions before the unreleased one stored them: in pieces within one blob."""

from typing import Any

from waivern.database.blobs.framing import FramedBytes
from waivern.messages.canonical import canonical_bytes, compress, digest_of, encode_envelope

_ITEMS_PER_PIECE = 100


def in_pieces(content: dict[str, Any], key: str) -> tuple[str, int, bytes]:
    """Return digest, size and stored bytes of a content that is split at its list `key`."""
    before, after = encode_envelope(content, key)
    items = [canonical_bytes(item) for item in content[key]]
    starts = range(0, len(items), _ITEMS_PER_PIECE)
    pieces = [b"," * bool(start) + b",".join(items[start : start + _ITEMS_PER_PIECE]) for start in starts]
    frames = [compress(piece) for piece in (before, *pieces, after)]
    canonical = canonical_bytes(content)
    return digest_of(canonical), len(canonical), bytes(FramedBytes(frames))
