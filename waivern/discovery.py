"""Finding what installed packages offer through their entry points."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Discovered:
    """What one entry-point group offers.

    `loaded` maps a name to the object that its entry point leads to. `broken` maps a name to the reason
    why it could not be imported: one broken plug-in does not take the others down.
    """

    loaded: Mapping[str, Any]
    broken: Mapping[str, str]


def discover(group: str) -> Discovered:
    """Load every entry point of `group`; where two packages offer one name, neither is taken."""
    loaded: dict[str, Any] = {}
    broken: dict[str, str] = {}
    for name, offers in _by_name(group).items():
        if len(offers) > 1:
            broken[name] = f"offered by more than one package: {', '.join(sorted(_package(offer) for offer in offers))}"
            continue
        try:
            loaded[name] = offers[0].load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  a plug-in's import may do anything, even leave
            broken[name] = f"{type(error).__name__}: {error} (package {_package(offers[0])}, {offers[0].value})"
    return Discovered(MappingProxyType(loaded), MappingProxyType(broken))


def _by_name(group: str) -> dict[str, list[EntryPoint]]:
    """The group's entry points; one that stands twice alike (an editable install does that) counts once."""
    offered: dict[str, dict[str, EntryPoint]] = {}
    for entry_point in entry_points(group=group):
        offered.setdefault(entry_point.name, {})[entry_point.value] = entry_point
    return {name: list(by_value.values()) for name, by_value in sorted(offered.items())}


def _package(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else "unknown"
