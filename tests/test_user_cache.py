"""The user's cache folder: what is read back, what is refused, and what happens where nothing can be written."""

import logging
import os
import stat
from pathlib import Path

import pytest

from waivern.user_cache import UserCache, key_of

KEY = key_of("rulesets", b"something")
OTHER_KEY = key_of("rulesets", b"something else")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "waivern"


def entry(folder: Path) -> Path:
    return next(folder.iterdir())


def test_an_entry_is_read_back_by_its_key_only(folder: Path) -> None:
    UserCache(folder).put(KEY, b"content")
    assert UserCache(folder).get(KEY) == b"content"
    assert UserCache(folder).get(OTHER_KEY) is None


def test_a_key_depends_on_each_part() -> None:
    keys = {key_of("rulesets", b"a", b"b"), key_of("rulesets", b"ab"), key_of("rulesets", b"", b"ab"), key_of("runs")}
    assert len(keys) == 4


def test_the_folder_and_its_files_are_private_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        UserCache(folder).put(KEY, b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry(folder).stat().st_mode) == 0o600


def test_without_a_folder_nothing_is_cached() -> None:
    cache = UserCache(None)
    cache.put(KEY, b"content")
    assert cache.get(KEY) is None


@pytest.mark.parametrize("size", [0, 1, 31, 32, 38])
def test_a_truncated_entry_is_not_used_and_is_replaced(folder: Path, size: int) -> None:
    cache = UserCache(folder)
    cache.put(KEY, b"content")
    os.truncate(entry(folder), size)
    assert cache.get(KEY) is None
    cache.put(KEY, b"content")
    assert cache.get(KEY) == b"content"


@pytest.mark.parametrize("offset", [0, 31, 32, 38])
def test_a_changed_entry_is_not_used(folder: Path, offset: int) -> None:
    cache = UserCache(folder)
    cache.put(KEY, b"content")
    content = bytearray(entry(folder).read_bytes())
    content[offset] ^= 1
    entry(folder).write_bytes(content)
    assert cache.get(KEY) is None


def test_the_entry_of_another_key_is_not_used(folder: Path) -> None:
    cache = UserCache(folder)
    cache.put(KEY, b"content")
    entry(folder).rename(folder / f"{OTHER_KEY}.cached")
    assert cache.get(OTHER_KEY) is None


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_not_trusted(folder: Path, mode: int) -> None:
    cache = UserCache(folder)
    cache.put(KEY, b"content")
    entry(folder).chmod(mode)
    assert cache.get(KEY) is None


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o1777])
def test_a_folder_that_others_may_write_is_not_trusted_nor_written(folder: Path, mode: int) -> None:
    cache = UserCache(folder)
    cache.put(KEY, b"content")
    folder.chmod(mode)
    assert cache.get(KEY) is None
    cache.put(OTHER_KEY, b"content")
    assert len(list(folder.iterdir())) == 1


def test_files_and_folders_of_another_user_are_not_trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    UserCache(folder).put(KEY, b"content")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    cache = UserCache(folder)
    assert cache.get(KEY) is None
    cache.put(OTHER_KEY, b"content")
    assert len(list(folder.iterdir())) == 1


def test_links_and_pipes_are_not_followed(folder: Path, tmp_path: Path) -> None:
    cache = UserCache(folder)
    cache.put(KEY, b"content")
    name = entry(folder)
    elsewhere = tmp_path / "elsewhere"
    name.rename(elsewhere)
    name.symlink_to(elsewhere)
    assert cache.get(KEY) is None
    name.unlink()
    os.mkfifo(name)
    assert cache.get(KEY) is None
    linked = tmp_path / "linked"
    linked.symlink_to(folder)
    assert UserCache(linked).get(KEY) is None


def test_a_folder_that_cannot_be_made_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    cache = UserCache(tmp_path / "file" / "waivern")
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            cache.put(KEY, b"content")
            assert cache.get(KEY) is None
    assert len(caplog.records) == 1


def test_a_full_disk_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = UserCache(folder)
    cache.put(KEY, b"content")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with caplog.at_level(logging.DEBUG):
        cache.put(OTHER_KEY, b"content")
        cache.put(OTHER_KEY, b"content")
    assert [path.name for path in folder.iterdir()] == [f"{KEY}.cached"]
    assert cache.get(KEY) == b"content"
    assert len(caplog.records) == 1


def test_the_entries_that_were_used_longest_ago_are_removed(folder: Path) -> None:
    cache = UserCache(folder, max_bytes=1000)
    keys = [key_of("rulesets", bytes([number])) for number in range(6)]
    for age, key in enumerate(keys[:-1]):
        cache.put(key, b"x" * 200)
        os.utime(folder / f"{key}.cached", (1_000_000 + age, 1_000_000 + age))
    assert cache.get(keys[1]) is not None  # reading an old entry makes it new
    cache.put(keys[-1], b"x" * 200)
    assert [cache.get(key) is not None for key in keys] == [False, True, False, True, True, True]


def test_an_entry_that_would_fill_the_cache_is_not_stored(folder: Path) -> None:
    cache = UserCache(folder, max_bytes=1000)
    cache.put(KEY, b"x" * 300)
    assert cache.get(KEY) is None


def test_what_interrupted_writers_left_behind_is_removed_later(folder: Path) -> None:
    cache = UserCache(folder)
    cache.put(KEY, b"content")
    old, new, foreign = folder / f"{KEY}.1.part", folder / f"{KEY}.2.part", folder / "notes.txt"
    for path in (old, new, foreign):
        path.write_text("x")
    for path in (old, foreign):
        os.utime(path, (0, 0))
    cache.put(KEY, b"content")
    assert not old.exists()
    assert new.exists()
    assert foreign.exists()
