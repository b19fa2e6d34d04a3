"""The base class of connectors."""

from abc import ABC, abstractmethod

from waivern.messages.message import Message
from waivern.messages.schema import Schema


class Connector(ABC):
    """Reads one source into a message.

    `extract` runs in its own thread (or process) and may block. It never changes the source. It reports what was not
    scanned in the message's `metadata.not_scanned`, and what was partially scanned in `metadata.sampled`.
    """

    @classmethod
    @abstractmethod
    def get_name(cls) -> str:
        """Return the name of this connector in a runbook (`type`)."""

    @classmethod
    @abstractmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        """Return the schemas it can produce, the preferred one first."""

    @abstractmethod
    def extract(self, output_schema: Schema) -> Message:
        """Read the source and return a message of `output_schema`, one of the supported schemas.

        Raises:
            ComponentError: the source cannot be read; the message names the source and a remedy.
        """
