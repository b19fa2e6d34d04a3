"""The pages of the documentation and their content."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(DOCS.rglob("*.md"))
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"# (?P<name>[\w.]+)\n")


def text_of(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def section_of(page: str, title: str) -> str:
    """The text under a heading, up to the next one of its level or above."""
    lines = text_of(page).splitlines()
    start = next(number for number, line in enumerate(lines) if re.fullmatch(rf"#+ {re.escape(title)}", line))
    level = len(lines[start]) - len(lines[start].lstrip("#"))
    rest = lines[start + 1 :]
    end = next((number for number, line in enumerate(rest) if re.match(rf"#{{1,{level}}} ", line)), len(rest))
    return "\n".join(rest[:end])


def rows_of(text: str) -> list[list[str]]:
    """The cells of every table's rows, without its head."""
    rows = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    heads = {number - 1 for number, row in enumerate(cells) if set("".join(row)) <= set("-:")}
    return [row for number, row in enumerate(cells) if number not in heads and number - 1 not in heads]


def names_in_first_cells(text: str) -> list[str]:
    """Return the names in backquotes in the first cell of each row."""
    return [name for row in rows_of(text) for name in re.findall(r"`([^`]+)`", row[0])]


def blocks_of(page: str, language: str) -> list[str]:
    return [match["text"] for match in _BLOCK.finditer(text_of(page)) if match["language"] == language]


def files_in(page: str) -> dict[str, str]:
    """The blocks that begin with the name of a file as a comment, by that name."""
    blocks = [*blocks_of(page, "python"), *blocks_of(page, "toml")]
    return {match["name"]: block for block in blocks if (match := _NAMED.match(block))}
