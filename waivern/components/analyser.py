"""What makes one message out of others."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from waivern.messages.message import Message
from waivern.messages.schema import Schema


class Analyser(ABC):
    """Derives a message from others.

    An analyser is pure: the same content, properties and rules give the same content, with no clock time and no
    random id in it. `version` names the code and rules that decide the result.
    """

    version: str = "1"

    @classmethod
    @abstractmethod
    def get_name(cls) -> str:
        """Return the name that a runbook's `type` says."""

    @classmethod
    @abstractmethod
    def get_input_requirements(cls) -> list[list[Schema]]:
        """Return the combinations of schemas it accepts; all schemas of one combination are needed."""

    @classmethod
    @abstractmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        """Return the shapes that it can make, the preferred one first."""

    @abstractmethod
    def process(self, inputs: Sequence[Message], output_schema: Schema) -> Message:
        """Return what is derived from `inputs`: one message a schema, in the order of the combination they meet.

        Raises:
            ComponentError: the inputs cannot be analysed.
        """
