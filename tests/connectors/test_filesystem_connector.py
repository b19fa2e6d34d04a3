"""The `filesystem` connector with real folders."""

import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.thoroughness import examples
from waivern.components.working_directory import use_working_directory
from waivern.connectors.filesystem.factory import FilesystemConnectorFactory
from waivern.errors import ComponentError, InvalidPropertiesError
from waivern.files import walking
from waivern.files.patterns import Patterns
from waivern.files.reading import TooLargeError, UnreadableError, read_bytes
from waivern.messages.canonical import canonical_bytes
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
NOBODY = 65534


def scan(path: Path | str, **properties: Any) -> Mapping[str, Any]:
    connector = FilesystemConnectorFactory().create({"path": str(path), **properties})
    return connector.extract(STANDARD_INPUT).content


def read(content: Mapping[str, Any]) -> dict[str, str]:
    return {item["metadata"]["file_path"]: item["content"] for item in content["data"]}


def not_scanned_in(content: Mapping[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in content["metadata"]["not_scanned"]}


def write(root: Path, **texts: str) -> None:
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")


@contextmanager
def as_nobody(base: Path) -> Iterator[None]:
    """Drop privileges during a test, because permissions do not apply to root."""
    if os.geteuid() != 0:
        yield
        return
    modes = {folder: folder.stat().st_mode for folder in (base, *base.parents[:-1])}
    for folder, mode in modes.items():
        folder.chmod(mode | 0o011)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for folder, mode in modes.items():
            folder.chmod(mode)


def test_each_file_is_an_item_in_the_order_of_the_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write(tmp_path, c="3", a="1")
    write(tmp_path / "b", x="2")
    content = scan(tmp_path)
    assert list(read(content).items()) == [("a", "1"), ("b/x", "2"), ("c", "3")]
    assert content["metadata"] == {"scanned": 3, "not_scanned": []}


def test_the_root_may_be_a_file(tmp_path: Path) -> None:
    write(tmp_path, only="1", other="2")
    assert read(scan(tmp_path / "only")) == {"only": "1"}
    assert not_scanned_in(scan(tmp_path / "only", exclude_patterns=["on*"])) == {"only": "excluded by the pattern on*"}


def test_the_same_files_give_the_same_content_in_any_location(tmp_path: Path) -> None:
    contents = []
    for place in ("here", "there/deep"):
        folder = tmp_path / place
        (folder / "exports").mkdir(parents=True)
        write(folder / "exports", a="1", b="2")
        with use_working_directory(folder):
            contents.append(canonical_bytes(scan("./exports")))
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in contents[0]


def test_links_are_read_only_if_they_lead_to_an_unread_file_of_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    write(tmp_path, secret="outside")
    write(root, file="1", hidden="2")
    for name, target in {"again": "file", "out": "../secret", "nothing": "gone", "circle": "circle"}.items():
        (root / name).symlink_to(target)
    (root / "latest.txt").symlink_to("hidden")
    (root / "sub" / "up").symlink_to("..")
    assert read(scan(root)) == {"file": "1", "hidden": "2"}
    content = scan(root, include_patterns=["file", "*.txt", "out", "again", "nothing", "circle", "up"])
    assert read(content) == {"file": "1", "latest.txt": "2"}
    assert not_scanned_in(content) == {
        "hidden": "not among include_patterns",
        "again": "the same file as file",
        "out": "a symbolic link that leads out of the root",
        "nothing": "a symbolic link that leads to nothing",
        "circle": "a symbolic link that leads to nothing",
        "sub/up": "a symbolic link to the folder ./, which is scanned under its own name",
    }


def test_a_link_to_an_excluded_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    write(tmp_path / "secret", key="1")
    (tmp_path / "link").symlink_to("secret/key")
    content = scan(tmp_path, exclude_patterns=["secret/"])
    assert read(content) == {}
    assert set(not_scanned_in(content)) == {"secret/", "link"}


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    write(tmp_path / "real", a="1")
    (tmp_path / "link").symlink_to("real")
    assert read(scan(tmp_path / "link")) == {"a": "1"}


def test_pipes_and_sockets_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket is limited to about 100 characters
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
        started = time.monotonic()
        content = scan(tmp_path)
    assert time.monotonic() - started < 1
    assert set(not_scanned_in(content)) == {"pipe", "socket"}


def test_a_pipe_that_replaced_a_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")
    with pytest.raises(UnreadableError, match="not a regular file"):
        read_bytes(str(tmp_path / "file"), limit=10)


def test_a_link_that_replaced_a_file_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, secret="s")
    (tmp_path / "file").symlink_to("secret")
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_bytes(str(tmp_path / "file"), limit=10)


def test_a_file_deleted_during_the_scan_is_reported(tmp_path: Path, monkeypatch: Any) -> None:
    write(tmp_path, a="1", b="2")

    def vanish_first(path: str, *, limit: int) -> bytes:
        (tmp_path / "b").unlink(missing_ok=True)
        return read_bytes(path, limit=limit)

    monkeypatch.setattr(walking, "read_bytes", vanish_first)
    content = scan(tmp_path)
    assert read(content) == {"a": "1"}
    assert set(not_scanned_in(content)) == {"b"}


def test_files_that_change_during_the_scan_cause_no_failure(tmp_path: Path) -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(30):
                (tmp_path / f"f{number}").write_text("x" * number * 50, encoding="utf-8")
            for number in range(30):
                (tmp_path / f"f{number}").unlink()

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        for _ in range(40):
            scan(tmp_path, max_file_size=1000)
    finally:
        stop.set()
        churning.join()


def test_large_and_binary_files_are_reported(tmp_path: Path) -> None:
    write(tmp_path, small="12345", large="123456")
    (tmp_path / "nul").write_bytes(b"a\0b")
    content = scan(tmp_path, max_file_size=5)
    assert read(content) == {"small": "12345"}
    assert not_scanned_in(content) == {"large": "larger than 5 bytes (6)", "nul": "binary data (NUL bytes)"}


def test_the_limit_applies_to_a_file_that_claims_to_be_empty() -> None:
    assert read_bytes("/proc/self/status", limit=100_000).startswith(b"Name:")
    with pytest.raises(UnreadableError, match="larger than 10 bytes"):
        read_bytes("/proc/self/status", limit=10)


def test_every_file_beyond_a_limit_is_reported(tmp_path: Path) -> None:
    write(tmp_path, a="1234", b="5678", c="9")
    assert not_scanned_in(scan(tmp_path, max_files=1)) == {"b": "beyond max_files (1)", "c": "beyond max_files (1)"}
    content = scan(tmp_path, max_total_size=5)
    assert read(content) == {"a": "1234"}
    assert not_scanned_in(content) == dict.fromkeys("bc", "beyond max_total_size (5 bytes)")


def test_beyond_max_total_size_no_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a="1234", b="5678", c="9")
    asked = []

    def noted(path: str, *, limit: int) -> bytes:
        asked.append(Path(path).name)
        return read_bytes(path, limit=limit)

    monkeypatch.setattr(walking, "read_bytes", noted)
    scan(tmp_path, max_total_size=5)
    assert asked == ["a", "b"]
    with pytest.raises(TooLargeError):
        read_bytes(str(tmp_path / "b"), limit=1)


def test_a_file_beyond_both_limits_does_not_affect_others(tmp_path: Path) -> None:
    write(tmp_path, a="12", b="123456789", c="3")
    content = scan(tmp_path, max_file_size=4, max_total_size=5)
    assert read(content) == {"a": "12", "c": "3"}
    assert not_scanned_in(content) == {"b": "larger than 4 bytes (9)"}


def test_a_line_of_two_gigabytes_is_reported_and_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.log").open("wb") as file:
        file.truncate(2 * 10**9)
    write(tmp_path, small="1")
    started = time.monotonic()
    content = scan(tmp_path)
    assert time.monotonic() - started < 2
    assert read(content) == {"small": "1"}
    assert not_scanned_in(content) == {"huge.log": "larger than 100000000 bytes (2000000000)"}


LONG = 25 * 10**6


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("f.txt", "", ""),
        ("f.csv", "name,note\nAnna,", ""),
        ("f.json", '{"note": "', '"}'),
        ("f.jsonl", '{"note": "', '"}'),
        ("f.yaml", "note: ", ""),
        ("f.xml", "<?xml version='1.0'?><note>", "</note>"),
        ("f.html", "<html><body><p>", "</p>"),
    ],
)
def test_a_very_long_line_needs_a_few_times_its_length_in_memory(
    tmp_path: Path, name: str, before: str, after: str
) -> None:
    line = "anna@example.org " * (LONG // 17)
    write(tmp_path, **{name: before + line + after, "z.txt": "and the rest"})
    tracemalloc.start()
    try:
        content = scan(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not_scanned_in(content) == {}
    assert content["metadata"]["scanned"] == 2
    assert sum(item["content"].count("anna@") for item in content["data"]) == LONG // 17
    assert peak < 6 * LONG


def test_invalid_characters_are_reported_and_the_rest_is_scanned(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"a@example.org \xff")
    content = scan(tmp_path, encoding="ascii")
    assert read(content) == {"f": "a@example.org \ufffd"}
    assert list(not_scanned_in(content)) == ["f"]
    assert not_scanned_in(scan(tmp_path, encoding="ascii", errors="strict")) == {"f": "1 characters are not ascii"}


def test_a_file_name_that_is_not_utf_8_is_escaped_and_read(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("1", encoding="utf-8")
    (tmp_path / os.fsdecode(b"caf\xe9.bin")).write_bytes(b"\0")
    content = scan(tmp_path)
    assert read(content) == {"caf\\xe9.txt": "1"}
    assert set(not_scanned_in(content)) == {"caf\\xe9.bin"}
    canonical_bytes(content)


def test_files_without_permission_are_reported_and_the_rest_is_scanned(tmp_path: Path) -> None:
    root = tmp_path / "guarded"
    (root / "closed").mkdir(parents=True)
    write(root, a="1", b="2")
    root.chmod(0o755)
    (root / "b").chmod(0)
    (root / "closed").chmod(0)
    with as_nobody(tmp_path):
        content = scan(root)
        with pytest.raises(ComponentError, match="cannot be read: Permission denied"):
            scan(root / "closed")
    (root / "closed").chmod(0o755)
    assert read(content) == {"a": "1"}
    assert not_scanned_in(content) == {
        "b": "cannot be read: Permission denied",
        "closed/": "cannot be listed: Permission denied",
    }


def test_a_link_whose_target_cannot_be_checked_is_reported_and_the_rest_is_scanned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, free="b")
    (tmp_path / "link").symlink_to(tmp_path / "locked" / "inside")
    sound = Path.is_dir

    def refused(path: Path) -> bool:  # as in Python up to 3.13, without permission for the folder
        if path.name == "inside":
            raise PermissionError(13, "Permission denied")
        return sound(path)

    monkeypatch.setattr(Path, "is_dir", refused)
    content = scan(tmp_path)
    assert read(content) == {"free": "b"}
    assert not_scanned_in(content)["link"] == "a symbolic link that cannot be followed: Permission denied"


def test_a_missing_root_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"'./gone' does not exist\. Correct `path`"):
        scan("./gone")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ComponentError, match="neither a file nor a folder"):
        scan(tmp_path / "pipe")


def test_a_misspelt_property_suggests_the_nearest_name() -> None:
    with pytest.raises(InvalidPropertiesError, match="Did you mean 'exclude_patterns'"):
        FilesystemConnectorFactory().create({"path": ".", "exclude_pattern": ["*.png"]})


NAMES = st.sampled_from(["a", "b.txt", "c.png", "logs", "keep.log", "data.csv", "é", "#x", " y", "[z]"])
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map(tuple), max_size=12, unique=True)
PATTERNS = st.lists(
    st.sampled_from(["*.png", "logs/", "/a", "!keep.log", "**/b.txt", "a/**", "*", "data.csv/", "b.*", "!*.txt"]),
    max_size=3,
)


@settings(max_examples=examples(60), deadline=None)
@given(PATHS, PATTERNS, PATTERNS, st.integers(1, 5))
def test_every_file_is_scanned_or_reported_exactly_once(
    tmp_path_factory: pytest.TempPathFactory,
    paths: list[tuple[str, ...]],
    include: list[str],
    exclude: list[str],
    max_files: int,
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for path in paths:
        file = root.joinpath(*path)
        if not file.is_dir() and not any(parent.is_file() for parent in file.parents):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("text", encoding="utf-8")
    content = scan(root, include_patterns=include, exclude_patterns=exclude, max_files=max_files)
    scanned, named = read(content), not_scanned_in(content)
    for file in (path for path in root.rglob("*") if path.is_file()):
        name = file.relative_to(root).as_posix()
        folders = [f"{parent.as_posix()}/" for parent in Path(name).parents]
        entries = [name in scanned, name in named, *(folder in named for folder in folders)]
        assert entries.count(True) == 1, name
        meant = Patterns(exclude).match_file(name) is None and (not include or bool(Patterns(include).match_file(name)))
        assert meant == (name in scanned or "max_files" in named.get(name, "")), name
    assert content["metadata"]["scanned"] == len(scanned) <= max_files
