"""Columns as text: one value per line, split into chunks."""

CHUNK_SIZE = 64_000
"""Characters after which a column's text is split."""


def in_one_line(text: str) -> str:
    """Return the text with a blank instead of each line end and the white space around it."""
    if text.isalnum():
        return text
    lines = text.splitlines()
    if len(lines) < 2 and (not lines or lines[0] == text):
        return text
    if text[-1] != lines[-1][-1:]:  # it ends with a line end
        lines.append("")
    between = [stripped for line in lines[1:-1] if (stripped := line.strip())]
    return " ".join([lines[0].rstrip(), *between, lines[-1].lstrip()])
