"""What bytes say, and what they are written in.

In this order: a byte order mark; bytes that are no text at all; the encoding that was named, if one was, without which
UTF-8, strictly; UTF-16 without a mark; and where the bytes are none of these, the likeliest of a dozen older encodings,
judged by charset-normalizer on a bounded sample of the places that are not ASCII. That judgement is a guess: the
encodings agree on ASCII, thus on most e-mail addresses
and numbers, and differ in letters with accents.
"""

import codecs
import re
from dataclasses import dataclass

from waivern.files.reading import UnreadableError
from waivern.messages.not_scanned import ReasonCode

_MARKS = (  # the longer ones first: a UTF-32 mark begins with a UTF-16 one
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BINARY_BEGINNINGS = {
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
    b"\xd0\xcf\x11\xe0": "an older office document",
    b"\x7fELF": "a program",
    b"SQLite format 3\x00": "a SQLite database (the connector `sqlite` reads it)",
}
_HEAD = 8192
_SAMPLE = 16384
# Where several fit equally well, the first of these is taken.
_OLDER = (
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
_NOT_ASCII = re.compile(rb"[^\n]{0,80}[\x80-\xff][^\n]{0,80}\n?")
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b")) + b"\x7f"
_MOST_CONTROL = 0.05
_REPLACED = "\N{REPLACEMENT CHARACTER}"


class NotTextError(UnreadableError):
    """The bytes are not text; the text says what they seem to be."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, ReasonCode.BINARY)


@dataclass(frozen=True)
class Decoded:
    """Text, what it was written in, whether that is a guess, and how many characters could not be read."""

    text: str
    encoding: str
    guessed: bool = False
    replaced: int = 0


def decoded(content: bytes, *, encoding: str | None = None) -> Decoded:
    """Return what the bytes say; those that are not of the encoding become U+FFFD and are counted.

    Args:
        encoding: What they are written in, unless they begin with a byte order mark, which says so itself; None: found
            out.

    Raises:
        NotTextError: they are not text.
    """
    for mark, marked in _MARKS:
        if content.startswith(mark):
            return _read(content[len(mark) :], marked)
    if encoding is not None:
        _refuse_binary(content, is_wide=b"\0" in "a".encode(encoding))
        return _read(content, encoding)
    silent_wide = _wide_without_mark(content)
    if silent_wide is not None:
        return _read(content, silent_wide, guessed=True)
    _refuse_binary(content)
    try:
        return Decoded(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return _older(content)


def _read(content: bytes, encoding: str, *, guessed: bool = False) -> Decoded:
    try:
        return Decoded(content.decode(encoding), encoding, guessed)
    except UnicodeError:
        text = content.decode(encoding, "replace")
        return Decoded(text, encoding, guessed, replaced=text.count(_REPLACED))


def _older(content: bytes) -> Decoded:
    if len(content[:_HEAD].translate(None, _CONTROL)) < len(content[:_HEAD]) * (1 - _MOST_CONTROL):
        raise NotTextError("binary data (control characters)")
    likeliest = _likeliest(_not_ascii(content))
    if likeliest is None:
        return _read(content, "utf-8")
    return _read(content, likeliest, guessed=True)


def _likeliest(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes  # slow to import, and seldom needed

    matches = list(from_bytes(sample, cp_isolation=list(_OLDER)))
    if not matches:
        return None
    best = min((match.chaos, -match.coherence) for match in matches)
    as_good = [match for match in matches if (match.chaos, -match.coherence) == best]
    names = {name for match in as_good for name in match.could_be_from_charset}
    return next((name for name in _OLDER if name in names), as_good[0].encoding)


def _not_ascii(content: bytes) -> bytes:
    sample = bytearray()
    for match in _NOT_ASCII.finditer(content):
        sample += match[0]
        if len(sample) >= _SAMPLE:
            break
    return bytes(sample)


def _refuse_binary(content: bytes, *, is_wide: bool = False) -> None:
    for beginning, what in _BINARY_BEGINNINGS.items():
        if content.startswith(beginning):
            raise NotTextError(f"binary: {what}")
    if not is_wide and b"\0" in content[:_HEAD]:
        raise NotTextError("binary data (NUL bytes)")


def _wide_without_mark(content: bytes) -> str | None:
    """UTF-16 of mostly Latin text has NUL as every other byte, and as hardly any of those between."""
    head = content[: _HEAD - _HEAD % 2]
    if len(content) % 2 or len(head) < 4:
        return None
    pairs = len(head) / 2
    even, odd = head[::2].count(0) / pairs, head[1::2].count(0) / pairs
    if odd > 0.7 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 and odd < 0.05 else None
