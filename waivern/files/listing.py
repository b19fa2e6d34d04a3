"""Files that come as one list, as those of a storage or a commit do, judged as a walk through folders judges them."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from waivern.files.patterns import Choice
from waivern.messages.not_scanned import NotScanned


class Named(Protocol):
    """What is in a list: `name` is a path relative to the root, with "/"."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def chosen(listed: Iterable[T], choice: Choice) -> Iterator[T | NotScanned]:
    """Yield what patterns mean of a list, in the order in which a walk comes to it, and what they leave out.

    What lies below a folder that is left out as a whole has no entry of its own, the folder has one.
    """
    excluded: NotScanned | None = None
    folders: dict[str, NotScanned | None] = {}
    for each in sorted(listed, key=lambda each: each.name.split("/")):
        if excluded is not None and each.name.startswith(excluded.name):
            continue
        excluded = next(filter(None, (_skipped(folder, choice, folders) for folder in _folders(each.name))), None)
        yield excluded or choice.skip_file(each.name) or each


def _folders(name: str) -> Iterator[str]:
    end = name.find("/")
    while end >= 0:
        yield name[:end]
        end = name.find("/", end + 1)


def _skipped(folder: str, choice: Choice, known: dict[str, NotScanned | None]) -> NotScanned | None:
    if folder not in known:
        known[folder] = choice.skip_folder(folder) if choice.exclude else None
    return known[folder]
