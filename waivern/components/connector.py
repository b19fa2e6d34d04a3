"""What extracts data from a source."""

from abc import ABC, abstractmethod

from waivern.messages.message import Message
from waivern.messages.schema import Schema


class Connector(ABC):
    """Reads one source and says what it read as a message.

    `extract` runs in a thread (or a process) of its own and may block. It reads, it never changes the source.
    What it leaves out it names in the message's `metadata.not_scanned`; what it reads in part, in `metadata.sampled`.
    """

    @classmethod
    @abstractmethod
    def get_name(cls) -> str:
        """Return the name that a runbook's `type` says."""

    @classmethod
    @abstractmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        """Return the shapes that this connector can extract, the preferred one first."""

    @abstractmethod
    def extract(self, output_schema: Schema) -> Message:
        """Read the source and return it in the shape `output_schema`, one of the supported ones.

        Raises:
            ComponentError: the source cannot be read; the text says which source and what to do.
        """
