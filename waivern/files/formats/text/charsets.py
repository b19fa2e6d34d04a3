"""The charsets that a mail may name: encodings of text whose decoders take linear time."""

import codecs

_NO_CHARSETS = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"})


def known_charset(name: str | None) -> str | None:
    """Return the encoding of a charset; None if it is not known."""
    try:
        codec = codecs.lookup(name or "")
        b"a".decode(codec.name, "replace")  # lookup() also finds codecs from bytes to bytes, such as "hex"
    except (LookupError, ValueError):
        return None
    return None if codec.name.replace("-", "_") in _NO_CHARSETS else codec.name


def decode_as(encoded: bytes | bytearray, charset: str) -> str:
    """Return bytes as text; bytes that are invalid in the charset, or of an unknown one, become U+FFFD."""
    return encoded.decode(known_charset(charset) or "utf-8", "replace")
