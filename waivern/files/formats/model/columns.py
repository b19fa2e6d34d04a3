"""Columns as text: one value per line, split into chunks."""

import re

CHUNK_SIZE = 64_000
"""Characters after which a column's text is split."""

_LINE_ENDS = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")


def in_one_line(text: str) -> str:
    """Return the text with a blank instead of each line end."""
    return text if text.isalnum() else _LINE_ENDS.sub(" ", text)
