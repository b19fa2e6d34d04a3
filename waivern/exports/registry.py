"""The installed exporters."""

import functools
from collections.abc import Iterator, Mapping

from waivern.discovery import discover
from waivern.errors import ExportError, did_you_mean
from waivern.exports.exporter import Exporter

EXPORTERS = "waivern.exporters"


class Exporters(Mapping[str, type[Exporter]]):
    """The exporters of the entry-point group, loaded on first access.

    `broken` maps the names of those that cannot be used to the reason.
    """

    def __getitem__(self, name: str) -> type[Exporter]:
        try:
            return self._loaded[0][name]
        except KeyError:
            raise _unknown(name, self._loaded[0], self.broken.get(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded[0])

    def __len__(self) -> int:
        return len(self._loaded[0])

    @property
    def broken(self) -> Mapping[str, str]:
        return self._loaded[1]

    @functools.cached_property
    def _loaded(self) -> tuple[dict[str, type[Exporter]], dict[str, str]]:
        discovered = discover(EXPORTERS)
        exporters: dict[str, type[Exporter]] = {}
        broken = dict(discovered.broken)
        for name, candidate in discovered.loaded.items():
            if isinstance(candidate, type) and issubclass(candidate, Exporter):
                exporters[name] = candidate
            else:
                broken[name] = f"{candidate!r} is not a subclass of Exporter"
        return exporters, broken


class UnknownExporterError(ExportError, KeyError):
    """No usable exporter has this name."""

    __str__ = ExportError.__str__  # KeyError would show the repr of its argument


def _unknown(name: str, known: Mapping[str, object], broken: str | None) -> UnknownExporterError:
    if broken is not None:
        return UnknownExporterError(
            f"The exporter '{name}' cannot be used: {broken}", remedy="Fix or uninstall the package that provides it"
        )
    similar = did_you_mean(name, known)
    return UnknownExporterError(
        f"There is no export format '{name}'",
        remedy=" ".join(filter(None, (similar, f"Known: {', '.join(sorted(known)) or 'none'}"))),
    )
