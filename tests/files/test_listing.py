"""Filtering lists of files, and addresses."""

import string
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.thoroughness import examples
from waivern.addresses import scheme_of, without_credentials
from waivern.files.listing import filter_files
from waivern.files.patterns import PathFilter
from waivern.files.walking import File, Walk
from waivern.messages.not_scanned import NotScanned

NAMES = st.sampled_from(["a", "a.txt", "b.txt", "c.png", "logs", "keep.log", "é", "a-b"])
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=12, unique=True)
PATTERNS = st.lists(
    st.sampled_from(["*.png", "logs/", "/a", "!keep.log", "**/b.txt", "a/**", "*", "!*.txt"]), max_size=3
)


@dataclass(frozen=True)
class Entry:
    name: str


@settings(max_examples=examples(100), deadline=None)
@given(PATHS, PATTERNS, PATTERNS)
def test_a_list_is_filtered_like_a_walk_through_the_same_files(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], include: list[str], exclude: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for path in paths:
        file = root / path
        if not file.is_dir() and not any(parent.is_file() for parent in file.parents):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    listed = [Entry(file.relative_to(root).as_posix()) for file in root.rglob("*") if file.is_file()]
    choice = PathFilter.from_patterns(include, exclude)
    walked = [item.name if isinstance(item, File) else item for item in Walk(str(root), choice)]
    assert [item.name if isinstance(item, Entry) else item for item in filter_files(listed, choice)] == [
        item for item in walked if not is_empty_folder(item, listed)
    ]


def is_empty_folder(item: "str | NotScanned", listed: list[Entry]) -> bool:
    """Return whether the entry is an empty folder, which a list of files does not have."""
    return isinstance(item, NotScanned) and not any(entry.name.startswith(item.name) for entry in listed)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://anna:hunter2@example.org/shop.git", "https://example.org/shop.git"),
        (
            "fatal: unable to access 'https://token@example.org/x/': no",
            "fatal: unable to access 'https://example.org/x/': no",
        ),
        ("https://example.org/a?X-Amz-Signature=abc#part rest", "https://example.org/a rest"),
        ("https://a:p@ss@example.org/", "https://example.org/"),
        ("ssh://git@example.org:22/x and s3://bucket/key@2x", "ssh://example.org:22/x and s3://bucket/key@2x"),
        ("git@example.org:shop.git", "git@example.org:shop.git"),
        ("./folder", "./folder"),
    ],
)
def test_credentials_are_removed_from_an_address(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@given(st.text(string.ascii_letters + string.digits + ":@", min_size=1).filter(lambda login: "://" not in login))
def test_no_credentials_remain_in_an_address(login: str) -> None:
    assert without_credentials(f"https://{login}@example.org/x") == "https://example.org/x"


@pytest.mark.parametrize(
    ("text", "kind"), [("S3://bucket", "s3"), ("zip::s3://b/a.zip", "zip"), ("a:/b", None), ("a::b", None), ("", None)]
)
def test_an_address_has_a_scheme(text: str, kind: str | None) -> None:
    assert scheme_of(text) == kind


def test_a_list_is_sorted_by_folders(tmp_path: Path) -> None:
    listed = [Entry(name) for name in ("a-b", "a/z", "a", "a.txt")]
    assert [
        item.name for item in filter_files(listed, PathFilter.from_patterns((), ())) if isinstance(item, Entry)
    ] == [
        "a",
        "a/z",
        "a-b",
        "a.txt",
    ]
