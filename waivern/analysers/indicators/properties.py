"""The properties of indicator analysers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from waivern.components.language_model import LlmValidation
from waivern.errors import RulesetError
from waivern.rulesets.loading.ruleset_loader import load_ruleset


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


ContextSize = Literal["small", "medium", "large", "full"]


class PatternMatching(_Strict):
    """The ruleset (by default that of the analyser) and the amount of evidence.

    The context sizes `small` to `full` are 25, 80, 250 and 1000 characters on each side.
    """

    ruleset: str | None = None
    evidence_context_size: ContextSize = "small"
    maximum_evidence_count: int = Field(default=3, ge=1, le=100)

    @field_validator("ruleset")
    @classmethod
    def _can_be_loaded(cls, uri: str | None) -> str | None:
        if uri is None:
            return None
        try:
            load_ruleset(uri)
        except RulesetError as error:
            raise ValueError(str(error)) from None
        return uri


class IndicatorProperties(_Strict):
    """All properties are optional. `source_code_context_window` has no effect; runbooks for other scanners use it."""

    pattern_matching: PatternMatching = PatternMatching()
    llm_validation: LlmValidation = LlmValidation()
    confidence_threshold: float = Field(default=0.5, ge=0, le=1)
    source_code_context_window: ContextSize | None = None
