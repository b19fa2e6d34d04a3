"""A gate as a runbook's model has it: the text, checked; apart from the gate, which works without pydantic."""

from typing import Annotated

from pydantic import AfterValidator

from waivern.errors import UsageError
from waivern.runbooks.model.gate import parse_gate


def _is_a_gate(text: str) -> str:
    try:
        return parse_gate(text).text
    except UsageError as error:
        raise ValueError(str(error)) from None


GateText = Annotated[str, AfterValidator(_is_a_gate)]
