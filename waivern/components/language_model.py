"""What runbooks may say of validation by a language model, which there is not."""

from pydantic import BaseModel, ConfigDict, field_validator


class LlmValidation(BaseModel):
    """Kept for runbooks that name it, whatever else they say of it; to switch it on is refused."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    enable_llm_validation: bool = False

    @field_validator("enable_llm_validation")
    @classmethod
    def _is_off(cls, enabled: bool) -> bool:
        if enabled:
            raise ValueError("validation by a language model is not available; set it to false")
        return enabled
