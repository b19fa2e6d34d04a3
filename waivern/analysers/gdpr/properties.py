"""What a runbook may say of a GDPR classifier."""

from pydantic import BaseModel, ConfigDict, field_validator

from waivern.errors import RulesetError
from waivern.rulesets.classification import load_classification


class _LlmValidation(BaseModel):
    """Kept for runbooks that name it; there is no such validation."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    enable_llm_validation: bool = False

    @field_validator("enable_llm_validation")
    @classmethod
    def _is_off(cls, enabled: bool) -> bool:
        if enabled:
            raise ValueError("validation by a language model is not available; set it to false")
        return enabled


class ClassifierProperties(BaseModel):
    """All properties; each may be left out. `ruleset` is a classification in place of the classifier's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ruleset: str | None = None
    llm_validation: _LlmValidation = _LlmValidation()

    @field_validator("ruleset")
    @classmethod
    def _is_known(cls, uri: str | None) -> str | None:
        if uri is None:
            return None
        try:
            load_classification(uri)
        except RulesetError as error:
            raise ValueError(str(error)) from None
        return uri
