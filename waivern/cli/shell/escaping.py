"""Text from outside, made safe to print: a name must not move a terminal's cursor or turn its text around."""

_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
_DIRECTIONS = [0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
_SURROGATES = range(0xD800, 0xE000)


def _written_out(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


_IN_A_LINE = {code: _written_out(code) for code in (*_CONTROLS, *_DIRECTIONS, *_SURROGATES)}
_IN_LINES = {code: text for code, text in _IN_A_LINE.items() if chr(code) not in "\n\t"}
_IN_JSON = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *_DIRECTIONS, *_SURROGATES)}


def one_line(text: str) -> str:
    """Return `text` with what is no ordinary character written as `\\x1b` or `\\u202e`, line breaks too."""
    return text.translate(_IN_A_LINE)


def lines(text: str) -> str:
    """Return `text` with the same care, but with its line breaks and tabs."""
    return text.translate(_IN_LINES)


def json_text(text: str) -> str:
    """Return JSON that says the same, with what JSON leaves as it is but a terminal may act upon as `\\u009b`."""
    return text.translate(_IN_JSON)
