"""Filtering a list of files, such as those of a bucket or a commit, as a walk through folders filters them."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from waivern.files.patterns import PathFilter
from waivern.messages.not_scanned import NotScanned


class Named(Protocol):
    """An entry of a list: `name` is its path relative to the root, with "/"."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def filter_files(listed: Iterable[T], paths: PathFilter) -> Iterator[T | NotScanned]:
    """Yield the files that the patterns select, in the order of a walk through folders, and what they exclude.

    A folder that is excluded as a whole is one entry; nothing below it has an entry of its own.
    """
    excluded: NotScanned | None = None
    folders: dict[str, NotScanned | None] = {}
    for file in sorted(listed, key=lambda file: file.name.split("/")):
        if excluded is not None and file.name.startswith(excluded.name):
            continue
        excluded = next(filter(None, (_skipped(folder, paths, folders) for folder in _folders(file.name))), None)
        yield excluded or paths.skip_file(file.name) or file


def _folders(name: str) -> Iterator[str]:
    end = name.find("/")
    while end >= 0:
        yield name[:end]
        end = name.find("/", end + 1)


def _skipped(folder: str, paths: PathFilter, known: dict[str, NotScanned | None]) -> NotScanned | None:
    if folder not in known:
        known[folder] = paths.skip_folder(folder) if paths.exclude else None
    return known[folder]
