"""Texts as cells of a spreadsheet, which would take some of them for formulas."""

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CONTROLS = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"
}


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: with a single quote before what would begin one.

    Control characters are replaced; a carriage return is a line feed.

    Source: OWASP, "CSV Injection".
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    return f"'{plain}" if plain.lstrip(" ").startswith(STARTS_A_FORMULA) else plain
