"""The validated text of a gate. Separate from `gate.py`, which must be importable without pydantic."""

from typing import Annotated

from pydantic import AfterValidator

from waivern.errors import UsageError
from waivern.runbooks.model.gate import parse_gate


def _validate_gate(text: str) -> str:
    try:
        return parse_gate(text).text
    except UsageError as error:
        raise ValueError(str(error)) from None


GateText = Annotated[str, AfterValidator(_validate_gate)]
