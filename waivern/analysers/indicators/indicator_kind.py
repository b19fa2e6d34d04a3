"""The kinds of indicator analysers: name, output schema, ruleset and inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
SOURCE_CODE = Schema("source_code", "1.0.0")
TEXT_AND_CODE = ((STANDARD_INPUT,), (SOURCE_CODE,), (STANDARD_INPUT, SOURCE_CODE))
CODE_ONLY = ((SOURCE_CODE,),)


@dataclass(frozen=True)
class IndicatorKind:
    """A kind of indicator analyser.

    Args:
        name: The analyser's name in runbooks.
        output_schema: The schema of its findings.
        ruleset: The default ruleset.
        inputs: The combinations of input schemas that it accepts.
    """

    name: str
    output_schema: Schema
    ruleset: str
    inputs: Sequence[Sequence[Schema]] = TEXT_AND_CODE


def indicator_kind(
    name: str, *, output_schema: str, ruleset: str, inputs: Sequence[Sequence[Schema]] = TEXT_AND_CODE
) -> IndicatorKind:
    """Return a kind with version 1.0.0 of the named schema and shipped ruleset."""
    return IndicatorKind(name, Schema(output_schema, "1.0.0"), f"local/{ruleset}/1.0.0", inputs)
