"""Escaping of untrusted text: a name must not move a terminal's cursor or reverse its text."""

_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
_DIRECTIONS = [0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
_SURROGATES = range(0xD800, 0xE000)


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


_IN_A_LINE = {code: _escaped(code) for code in (*_CONTROLS, *_DIRECTIONS, *_SURROGATES)}
_IN_LINES = {code: text for code, text in _IN_A_LINE.items() if chr(code) not in "\n\t"}
_IN_JSON = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *_DIRECTIONS, *_SURROGATES)}


def one_line(text: str) -> str:
    """Return `text` on one line: control characters and line breaks become `\\x1b` or `\\u202e`."""
    return text.translate(_IN_A_LINE)


def lines(text: str) -> str:
    """Return `text` escaped like `one_line`, but with line breaks and tabs kept."""
    return text.translate(_IN_LINES)


def json_text(text: str) -> str:
    """Return equivalent JSON in which characters that a terminal may act upon are escaped as `\\u009b`."""
    return text.translate(_IN_JSON)
