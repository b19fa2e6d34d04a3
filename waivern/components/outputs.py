"""What a component can be asked for."""

from waivern.components.analyser import Analyser
from waivern.components.connector import Connector
from waivern.errors import MessageError
from waivern.messages.schema import Schema


def check_makes(component: Connector | Analyser, output_schema: Schema) -> None:
    """Do nothing where the component makes messages of this schema.

    Raises:
        MessageError: it does not; the text names what it makes.
    """
    made = component.get_supported_output_schemas()
    if output_schema not in made:
        raise MessageError(
            f"'{component.get_name()}' does not make {output_schema}", remedy=f"It makes {', '.join(map(str, made))}"
        )
