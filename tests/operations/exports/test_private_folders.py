"""Folders for exported artifacts are readable by their owner only."""

import stat
from pathlib import Path

import pytest

from waivern.errors import UsageError
from waivern.operations.exports.atomic_files import make_private_folder


def test_every_folder_that_is_created_is_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path / "a" / "b" / "c")
    created = [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in created] == [0o700] * 3
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    make_private_folder(tmp_path / "a" / "b" / "c")


def test_a_file_in_place_of_a_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(UsageError, match="Cannot create"):
            make_private_folder(folder)
