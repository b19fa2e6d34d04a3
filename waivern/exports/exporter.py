"""The base class of exporters."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from waivern.exports.model.organisation import Organisation
    from waivern.exports.model.report import Report


@dataclass(frozen=True)
class Preferences:
    """The options of one export. An exporter ignores the options that do not apply to it.

    Args:
        extension: The extension of the output file, without the dot, in lower case: one of the exporter's `extensions`.
        fail_from: The lowest severity of a finding that counts as a failure.
        organisation: The content of the organisation file, if there is one.
    """

    extension: str = ""
    fail_from: str = "low"
    organisation: "Organisation | None" = None


class Exporter(ABC):
    """Writes the report of one run in one format. An entry point of the group `waivern.exporters` names the class.

    The class is instantiated without arguments. The same report gives the same bytes.
    """

    extensions: tuple[str, ...] = ()
    """The file extensions of the format, without the dot; the first is the default."""

    requires_known_extension = False
    """Whether the file's extension selects what is written, so that any other extension is refused."""

    binary_extensions: tuple[str, ...] = ()
    """The extensions whose bytes are not UTF-8 text."""

    @classmethod
    @abstractmethod
    def get_name(cls) -> str:
        """Return the name of the format, which is also the name of the entry point."""

    @classmethod
    @abstractmethod
    def get_media_type(cls) -> str:
        """Return the media type of the bytes, such as "application/json"."""

    @abstractmethod
    def export(self, report: "Report", preferences: Preferences) -> Iterator[bytes]:
        """Yield the bytes in parts, so that a large report is never held in memory.

        Raises:
            ExportError: the report cannot be written in this format, or a required package is not installed.
        """
