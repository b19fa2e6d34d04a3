"""Checking the schema that a component is asked to produce."""

from waivern.components.analyser import Analyser
from waivern.components.connector import Connector
from waivern.errors import MessageError
from waivern.messages.schema import Schema


def check_output_schema(component: Connector | Analyser, output_schema: Schema) -> None:
    """Check that a component can produce messages of this schema.

    Raises:
        MessageError: it cannot; the message names the schemas that it produces.
    """
    supported = component.get_supported_output_schemas()
    if output_schema not in supported:
        raise MessageError(
            f"'{component.get_name()}' does not produce {output_schema}",
            remedy=f"It produces {', '.join(map(str, supported))}",
        )
