"""What a runbook may say of a GDPR classifier."""

from pydantic import BaseModel, ConfigDict, field_validator

from waivern.components.language_model import LlmValidation
from waivern.errors import RulesetError
from waivern.rulesets.loading.classification import load_classification


class ClassifierProperties(BaseModel):
    """All properties; each may be left out. `ruleset` is a classification in place of the classifier's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ruleset: str | None = None
    llm_validation: LlmValidation = LlmValidation()

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
