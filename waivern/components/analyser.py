"""The base class of analysers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from waivern.messages.message import Message
from waivern.messages.schema import Schema


class Analyser(ABC):
    """Derives a message from other messages.

    An analyser is pure: the same inputs, properties and rules give the same content, without clock times and random
    ids. `version` identifies the code and rules that determine the result.
    """

    version: str = "1"

    @classmethod
    @abstractmethod
    def get_name(cls) -> str:
        """Return the name of this analyser in a runbook (`type`)."""

    @classmethod
    @abstractmethod
    def get_input_requirements(cls) -> list[list[Schema]]:
        """Return the combinations of schemas it accepts; the inputs have all schemas of one combination."""

    @classmethod
    @abstractmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        """Return the schemas it can produce, the preferred one first."""

    @abstractmethod
    def process(self, inputs: Sequence[Message], output_schema: Schema) -> Message:
        """Return the message derived from `inputs`: one message per schema, in the order of the matching combination.

        Raises:
            ComponentError: the inputs cannot be analysed.
        """
