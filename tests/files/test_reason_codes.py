"""The reason codes of files that were not scanned."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.builders.scanned_files import scan_of
from tests.files.test_archives import LETTER, nested, zipped
from waivern.files.patterns import PathFilter
from waivern.files.walking import Walk
from waivern.messages.not_scanned import NotScanned

CASES: list[tuple[str, bytes, Mapping[str, Any], str]] = [
    ("logo.png", b"\x89PNG", {}, "binary"),
    ("a.txt", LETTER, {"max_file_size": 3}, "too_large"),
    ("a.txt", LETTER, {"max_total_size": 3}, "limit_reached"),
    ("a.txt", b"\xff", {"encoding": "ascii"}, "encoding"),
    ("a.txt", b"\xff", {"encoding": "ascii", "errors": "strict"}, "encoding"),
    ("a.zip", zipped({}), {}, "no_text"),
    ("a.zip", b"PK\x03\x04", {}, "damaged"),
    ("a.zip", nested(4), {}, "too_complex"),
    ("a.gz", b"\x1f\x8b\x08rubbish", {}, "damaged"),
    ("a.gz", gzip.compress(bytes(10**7)), {}, "too_large"),
    ("a.pdf", b"%PDF-rubbish", {}, "damaged"),
]


@pytest.mark.parametrize(("name", "content", "properties", "code"), CASES)
def test_a_file_that_is_not_scanned_has_a_code(
    name: str, content: bytes, properties: Mapping[str, Any], code: str
) -> None:
    (entry,) = scan_of(name, content, **properties).not_scanned
    assert entry["code"] == code


def test_a_walk_gives_a_code_with_each_reason(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "logs").mkdir(parents=True)
    for name in ("a.txt", "b.md", "c.bak", "logs/today.txt"):
        (root / name).write_text("x")
    (root / "outside.txt").symlink_to(tmp_path)
    (root / "folder.txt").symlink_to(root / "logs")
    (root / "old.txt").symlink_to(root / "c.bak")
    (root / "hard.txt").hardlink_to(root / "a.txt")
    found = Walk(str(root), PathFilter.from_patterns(["*.txt", "c.bak"], ["*.bak", "logs/"]))
    codes = {entry.name: entry.code.value for entry in found if isinstance(entry, NotScanned)}
    assert codes == {
        "b.md": "not_included",
        "c.bak": "excluded",
        "logs/": "excluded",
        "outside.txt": "link",
        "folder.txt": "duplicate",
        "old.txt": "excluded",
        "hard.txt": "duplicate",
    }
