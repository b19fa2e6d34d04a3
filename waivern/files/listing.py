"""Files that come as one list, as those of a storage or a commit do, judged as a walk through folders judges them."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from waivern.files.patterns import Choice
from waivern.files.walking import LeftOut


class Named(Protocol):
    """What is in a list: `name` is a path relative to the root, with "/"."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def chosen(listed: Iterable[T], choice: Choice) -> Iterator[T | LeftOut]:
    """Yield what patterns mean of a list, in the order in which a walk comes to it, and what they leave out.

    What lies below a folder that is left out as a whole has no entry of its own, the folder has one.
    """
    excluded: str | None = None
    judged: dict[str, str | None] = {}
    for each in sorted(listed, key=lambda each: each.name.split("/")):
        if excluded is not None and each.name.startswith(excluded):
            continue
        excluded = next((folder for folder in _folders(each.name) if _why(folder, choice, judged)), None)
        why_not = choice.why_not(each.name)
        if excluded is not None:
            yield LeftOut(excluded, judged[excluded] or "")
        elif why_not is not None:
            yield LeftOut(each.name, why_not)
        else:
            yield each


def _folders(name: str) -> Iterator[str]:
    """The folders that a file is in, the outermost first, each with its "/"."""
    end = name.find("/")
    while end >= 0:
        yield name[: end + 1]
        end = name.find("/", end + 1)


def _why(folder: str, choice: Choice, judged: dict[str, str | None]) -> str | None:
    if folder not in judged:
        judged[folder] = choice.why_nothing_of(folder.removesuffix("/")) if choice.exclude else None
    return judged[folder]
