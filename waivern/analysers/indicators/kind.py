"""What one analyser of indicators differs in from another."""

from collections.abc import Sequence
from dataclasses import dataclass

from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
SOURCE_CODE = Schema("source_code", "1.0.0")
TEXT_AND_CODE = ((STANDARD_INPUT,), (SOURCE_CODE,), (STANDARD_INPUT, SOURCE_CODE))
CODE_ONLY = ((SOURCE_CODE,),)


@dataclass(frozen=True)
class Kind:
    """A kind of indicator.

    Args:
        name: What runbooks call the analyser.
        indicator: The schema of what it makes.
        ruleset: The rules, unless a runbook names others.
        inputs: The combinations of schemas that it reads.
    """

    name: str
    indicator: Schema
    ruleset: str
    inputs: Sequence[Sequence[Schema]] = TEXT_AND_CODE


def kind_of(name: str, *, indicator: str, ruleset: str, inputs: Sequence[Sequence[Schema]] = TEXT_AND_CODE) -> Kind:
    """Return the kind whose indicator and ruleset have the version 1.0.0 and these names."""
    return Kind(name, Schema(indicator, "1.0.0"), f"local/{ruleset}/1.0.0", inputs)
