"""Discovering plug-ins: the entry points of installed packages."""

import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.metadata import EntryPoint, EntryPoints
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Discovered:
    """The plug-ins of one entry-point group.

    `loaded` maps a name to the object that its entry point refers to. `broken` maps a name to the reason why it
    could not be imported: one broken plug-in does not affect the others.
    """

    loaded: Mapping[str, Any]
    broken: Mapping[str, str]


class PlugInError(Exception):
    """A plug-in cannot be imported; the text is the reason."""


class PlugIns:
    """The plug-ins of one entry-point group. Each is imported when it is loaded, because some are slow to import."""

    def __init__(self, group: str) -> None:
        self._candidates = _by_name(group)

    @property
    def names(self) -> list[str]:
        """The sorted names of all plug-ins, including those that cannot be imported."""
        return list(self._candidates)

    def load(self, name: str) -> Any:
        """Return the object that the entry point with this name refers to.

        Raises:
            PlugInError: It cannot be imported, or two packages provide the name.
        """
        candidates = self._candidates[name]
        if len(candidates) > 1:
            raise PlugInError(f"provided by more than one package: {', '.join(sorted(map(_package, candidates)))}")
        try:
            return candidates[0].load()
        except (Exception, SystemExit) as error:
            origin = f"package {_package(candidates[0])}, {candidates[0].value}"
            raise PlugInError(f"{type(error).__name__}: {error} ({origin})") from error


def discover(group: str) -> Discovered:
    """Load every entry point of `group`; a name that two packages provide is reported as broken."""
    plug_ins = PlugIns(group)
    loaded: dict[str, Any] = {}
    broken: dict[str, str] = {}
    for name in plug_ins.names:
        try:
            loaded[name] = plug_ins.load(name)
        except PlugInError as error:
            broken[name] = str(error)
    return Discovered(MappingProxyType(loaded), MappingProxyType(broken))


def entry_points(*, group: str) -> EntryPoints:
    """Return the entry points of one group. The installed packages are read once, not once for each group."""
    found: EntryPoints = _all_entry_points(tuple(sys.path)).select(group=group)
    return found


@functools.cache
def _all_entry_points(_path: tuple[str, ...]) -> Any:
    return metadata.entry_points()


def _by_name(group: str) -> dict[str, list[EntryPoint]]:
    """Return the group's entry points by name; identical duplicates (of an editable install) count once."""
    by_name: dict[str, dict[str, EntryPoint]] = {}
    for entry_point in entry_points(group=group):
        by_name.setdefault(entry_point.name, {})[entry_point.value] = entry_point
    return {name: list(by_value.values()) for name, by_value in sorted(by_name.items())}


def _package(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else "unknown"
