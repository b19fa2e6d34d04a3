"""Decoding bytes as text, and detecting their encoding.

The steps, in order: a byte order mark; the given encoding, if there is one; UTF-16 without a byte order mark; strict
UTF-8; and last the most likely of a dozen legacy encodings, as charset-normalizer judges from a limited sample of the
places that are not ASCII. Binary content is rejected before it is decoded. The last step is a guess. The legacy
encodings agree on ASCII, and so on most e-mail addresses and numbers; they differ in letters with accents.
"""

import codecs
import re
from dataclasses import dataclass

from waivern.files.reading import UnreadableError
from waivern.messages.not_scanned import ReasonCode

_BYTE_ORDER_MARKS = (  # UTF-32 before UTF-16: the mark of UTF-32-LE begins with that of UTF-16-LE
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BINARY_SIGNATURES = {
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"\x1f\x8b": "gzip data",
    b"\xfd7zXZ\x00": "xz data",
    b"BZh": "bzip2 data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\xd0\xcf\x11\xe0": "a legacy office document",
    b"\x7fELF": "a program",
    b"SQLite format 3\x00": "a SQLite database (the connector `sqlite` reads it)",
}
_HEAD_BYTES = 8192
_SAMPLE_BYTES = 16384
# The order of preference if several fit equally well.
_LEGACY_ENCODINGS = (
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "koi8_r",
    "cp932",
    "gb18030",
    "big5",
    "cp949",
    "euc_jp",
)
_NON_ASCII = re.compile(rb"[\x80-\xff]+")
_CONTEXT_BYTES = 80
_CONTROL_CHARACTERS = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b")) + b"\x7f"
_MAX_CONTROL_SHARE = 0.05
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class NotTextError(UnreadableError):
    """The content is not text; the message says what it appears to be."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, ReasonCode.BINARY)


@dataclass(frozen=True)
class DecodedText:
    """Text with its encoding, whether the encoding is a guess, and how many characters could not be decoded."""

    text: str
    encoding: str
    guessed: bool = False
    replaced: int = 0


def decode(content: bytes, *, encoding: str | None = None) -> DecodedText:
    """Decode bytes; sequences that are invalid in the encoding become U+FFFD and are counted.

    Args:
        encoding: The encoding, unless a byte order mark says otherwise; None: detect it.

    Raises:
        NotTextError: the content is not text.
    """
    for mark, marked_encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _decode_with(content[len(mark) :], marked_encoding)
    if encoding is not None:
        _reject_binary(content, is_wide=b"\0" in "a".encode(encoding))
        return _decode_with(content, encoding)
    utf_16 = _utf_16_without_mark(content)
    if utf_16 is not None:
        return _decode_with(content, utf_16, guessed=True)
    _reject_binary(content)
    try:
        return DecodedText(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return _decode_legacy(content)


def _decode_with(content: bytes, encoding: str, *, guessed: bool = False) -> DecodedText:
    try:
        return DecodedText(content.decode(encoding), encoding, guessed)
    except UnicodeError:
        text = content.decode(encoding, "replace")
        return DecodedText(text, encoding, guessed, replaced=text.count(_REPLACEMENT))


def _decode_legacy(content: bytes) -> DecodedText:
    head = content[:_HEAD_BYTES]
    if len(head.translate(None, _CONTROL_CHARACTERS)) < len(head) * (1 - _MAX_CONTROL_SHARE):
        raise NotTextError("binary data (control characters)")
    encoding = _most_likely_encoding(_non_ascii_sample(content))
    if encoding is None:
        return _decode_with(content, "utf-8")
    return _decode_with(content, encoding, guessed=True)


def _most_likely_encoding(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes  # slow to import, rarely needed

    matches = list(from_bytes(sample, cp_isolation=list(_LEGACY_ENCODINGS)))
    if not matches:
        return None
    best = min((match.chaos, -match.coherence) for match in matches)
    equally_good = [match for match in matches if (match.chaos, -match.coherence) == best]
    names = {name for match in equally_good for name in match.could_be_from_charset}
    return next((name for name in _LEGACY_ENCODINGS if name in names), equally_good[0].encoding)


def _non_ascii_sample(content: bytes) -> bytes:
    """Return the beginning of what is not ASCII, with up to 80 bytes of its line before and after each place."""
    sample = bytearray()
    sampled_to = 0
    for match in _NON_ASCII.finditer(content):
        start, end = match.start(), min(match.end(), match.start() + _SAMPLE_BYTES)
        if end <= sampled_to:
            continue
        before = max(sampled_to, start - _CONTEXT_BYTES)
        before = max(before, content.rfind(b"\n", before, start) + 1)
        line_end = content.find(b"\n", end, end + _CONTEXT_BYTES)
        after = end + _CONTEXT_BYTES if line_end < 0 else line_end + 1
        sample += content[before:after]
        sampled_to = after
        if len(sample) >= _SAMPLE_BYTES:
            break
    return bytes(sample)


def _reject_binary(content: bytes, *, is_wide: bool = False) -> None:
    for signature, description in _BINARY_SIGNATURES.items():
        if content.startswith(signature):
            raise NotTextError(f"binary: {description}")
    if not is_wide and b"\0" in content[:_HEAD_BYTES]:
        raise NotTextError("binary data (NUL bytes)")


def _utf_16_without_mark(content: bytes) -> str | None:
    """Detect UTF-16 of mostly Latin text: every other byte is NUL, and hardly any of the bytes between."""
    head = content[: _HEAD_BYTES - _HEAD_BYTES % 2]
    if len(content) % 2 or len(head) < 4:
        return None
    pairs = len(head) / 2
    even, odd = head[::2].count(0) / pairs, head[1::2].count(0) / pairs
    if odd > 0.7 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 and odd < 0.05 else None
