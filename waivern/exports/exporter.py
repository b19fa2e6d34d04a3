"""What an exporter is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from waivern.exports.model.organisation import Organisation
from waivern.exports.model.report import Report


@dataclass(frozen=True)
class Preferences:
    """What whoever asks for an export may wish; an exporter that a wish does not concern passes over it.

    Args:
        ending: Of the file that is written, without its dot, in lower case: one of the exporter's `endings`.
        fail_from: The severity from which on a finding counts as a failure.
        organisation: What the organisation says of its processing, where there is such a file.
    """

    ending: str = ""
    fail_from: str = "low"
    organisation: Organisation | None = None


class Exporter(ABC):
    """Turns the report of one run into one format. An entry point of the group `waivern.exporters` leads to its class.

    It is made without arguments, and the same report gives the same bytes.
    """

    endings: tuple[str, ...] = ()
    """What its files end with, without the dot; the first is what it writes unless told otherwise."""

    decides_by_ending = False
    """Whether the ending of the file says what is written, so that another is refused."""

    binary_endings: tuple[str, ...] = ()
    """Those of which the bytes are no UTF-8 text."""

    @classmethod
    @abstractmethod
    def get_name(cls) -> str:
        """Return the name of the format: that of the entry point."""

    @classmethod
    @abstractmethod
    def get_media_type(cls) -> str:
        """Return the media type of what `export` yields, such as "application/json"."""

    @abstractmethod
    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        """Yield the bytes, a part at a time, so that a large report is never held whole.

        Raises:
            ExportError: the report cannot be told in this format, or what is needed for it is not installed.
        """
