"""Escaping of characters that are invisible or that change how the text around them is shown.

Names of files, columns and runbooks come from scanned systems. Such a name must not move a terminal's cursor, reverse
the order of the text beside it, look like a different name, or make an XML document invalid. So every output escapes
the same characters, in the form of its medium: `one_line` and `lines` for texts, tables, CSV, HTML and XML, and
`json_text` for JSON.

These characters are escaped: control characters (C0, C1 and DEL), format characters (category Cf, which includes all
bidirectional controls), line and paragraph separators, blank letters, surrogates, and code points that are never
characters.

Source: Unicode Standard Annexes #9 (bidirectional controls) and #44 (Default_Ignorable_Code_Point); XML 1.0,
section 2.2.
"""

import re

_RANGES = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x034F, 0x034F),
    (0x0600, 0x0605),
    (0x061C, 0x061C),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),
    (0xFDD0, 0xFDEF),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE00FF),
    (0xE01F0, 0xE0FFF),
    *((plane | 0xFFFE, plane | 0xFFFF) for plane in range(0, 0x110000, 0x10000)),
)


_UNSAFE_CHARACTERS = "".join(rf"\U{low:08x}-\U{high:08x}" for low, high in _RANGES)
_UNSAFE = re.compile(f"[{_UNSAFE_CHARACTERS}]")
_UNSAFE_IN_LINES = re.compile(rf"(?![\n\t])[{_UNSAFE_CHARACTERS}]")


def one_line(text: str) -> str:
    """Return `text` on one line: unsafe characters and line breaks become `\\x1b`, `\\u202e` or `\\U000e0001`."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escaped, text)


def lines(text: str) -> str:
    """Return `text` escaped like `one_line`, but with line breaks and tabs kept."""
    return text if text.isascii() and text.isprintable() else _UNSAFE_IN_LINES.sub(_escaped, text)


def json_text(text: str) -> str:
    """Return equivalent JSON in which unsafe characters are escaped as `\\u202e`."""
    return _UNSAFE_IN_LINES.sub(_escaped_in_json, text)


def json_bytes(encoded: bytes) -> bytes:
    """Return equivalent JSON, in UTF-8, in which unsafe characters are escaped as `\\u202e`."""
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return json_text(encoded.decode()).encode()


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped_in_json(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
