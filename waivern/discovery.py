"""Discovering plug-ins: the entry points of installed packages."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
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


def discover(group: str) -> Discovered:
    """Load every entry point of `group`; a name that two packages provide is reported as broken."""
    loaded: dict[str, Any] = {}
    broken: dict[str, str] = {}
    for name, candidates in _by_name(group).items():
        if len(candidates) > 1:
            broken[name] = f"provided by more than one package: {', '.join(sorted(map(_package, candidates)))}"
            continue
        try:
            loaded[name] = candidates[0].load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  an import may raise anything, even SystemExit
            broken[name] = f"{type(error).__name__}: {error} (package {_package(candidates[0])}, {candidates[0].value})"
    return Discovered(MappingProxyType(loaded), MappingProxyType(broken))


def _by_name(group: str) -> dict[str, list[EntryPoint]]:
    """Return the group's entry points by name; identical duplicates (of an editable install) count once."""
    by_name: dict[str, dict[str, EntryPoint]] = {}
    for entry_point in entry_points(group=group):
        by_name.setdefault(entry_point.name, {})[entry_point.value] = entry_point
    return {name: list(by_value.values()) for name, by_value in sorted(by_name.items())}


def _package(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else "unknown"
