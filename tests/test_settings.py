"""The settings that are read from the environment."""

import sys
from pathlib import Path

import pytest

from waivern.settings import Settings


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HOME": "/home/anna"}, Path("/home/anna/.cache/waivern")),
        ({"HOME": "/home/anna", "XDG_CACHE_HOME": "/var/cache"}, Path("/var/cache/waivern")),
        ({"HOME": "/home/anna", "XDG_CACHE_HOME": "relative"}, Path("/home/anna/.cache/waivern")),
        ({"HOME": "/home/anna", "WAIVERN_CACHE_DIR": "/srv/rules"}, Path("/srv/rules")),
        ({"HOME": "/home/anna", "WAIVERN_CACHE_DIR": "rules"}, Path.cwd() / "rules"),
        ({"HOME": "/home/anna", "WAIVERN_CACHE_DIR": "none"}, None),
        ({"HOME": ""}, None),
        ({}, None),
    ],
)
def test_the_cache_folder_is_the_users(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: Path | None
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert Settings.from_environment(variables).cache_folder(variables) == folder


def test_on_macos_caches_are_in_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert Settings().cache_folder({"HOME": "/Users/anna"}) == Path("/Users/anna/Library/Caches/waivern")
