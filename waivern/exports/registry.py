"""Which exporters there are."""

import functools
from collections.abc import Iterator, Mapping

from waivern.discovery import discover
from waivern.errors import ExportError, did_you_mean
from waivern.exports.exporter import Exporter

EXPORTERS = "waivern.exporters"


class Exporters(Mapping[str, type[Exporter]]):
    """The exporters of the entry-point group, found on first access; `broken` says why others cannot be used."""

    def __getitem__(self, name: str) -> type[Exporter]:
        try:
            return self._found[0][name]
        except KeyError:
            raise _unknown(name, self._found[0], self.broken.get(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._found[0])

    def __len__(self) -> int:
        return len(self._found[0])

    @property
    def broken(self) -> Mapping[str, str]:
        return self._found[1]

    @functools.cached_property
    def _found(self) -> tuple[dict[str, type[Exporter]], dict[str, str]]:
        discovered = discover(EXPORTERS)
        found: dict[str, type[Exporter]] = {}
        broken = dict(discovered.broken)
        for name, offered in discovered.loaded.items():
            if isinstance(offered, type) and issubclass(offered, Exporter):
                found[name] = offered
            else:
                broken[name] = f"{offered!r} is no Exporter"
        return found, broken


class UnknownExporterError(ExportError, KeyError):
    """No exporter that can be used has this name."""

    __str__ = ExportError.__str__  # a KeyError shows its argument's repr


def _unknown(name: str, known: Mapping[str, object], broken: str | None) -> UnknownExporterError:
    if broken is not None:
        return UnknownExporterError(
            f"The exporter '{name}' cannot be used: {broken}", remedy="Mend or uninstall the package that provides it"
        )
    near = did_you_mean(name, known)
    return UnknownExporterError(
        f"There is no format '{name}'",
        remedy=" ".join(filter(None, (near, f"There are: {', '.join(sorted(known)) or 'none'}"))),
    )
