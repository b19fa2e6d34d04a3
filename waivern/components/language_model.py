"""The properties of validation by a language model, which is not available."""

from pydantic import BaseModel, ConfigDict, field_validator


class LlmValidation(BaseModel):
    """Accepts the properties in runbooks for other scanners, but refuses to enable the validation."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    enable_llm_validation: bool = False

    @field_validator("enable_llm_validation")
    @classmethod
    def _is_off(cls, enabled: bool) -> bool:
        if enabled:
            raise ValueError("validation by a language model is not available; set it to false")
        return enabled
