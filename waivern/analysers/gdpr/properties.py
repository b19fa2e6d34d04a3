"""The properties of GDPR classifiers."""

from pydantic import BaseModel, ConfigDict, field_validator

from waivern.components.language_model import LlmValidation
from waivern.errors import RulesetError
from waivern.rulesets.loading.classification import load_classification


class ClassifierProperties(BaseModel):
    """All properties are optional. `ruleset` is a classification to use instead of the classifier's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ruleset: str | None = None
    llm_validation: LlmValidation = LlmValidation()

    @field_validator("ruleset")
    @classmethod
    def _can_be_loaded(cls, uri: str | None) -> str | None:
        if uri is None:
            return None
        try:
            load_classification(uri)
        except RulesetError as error:
            raise ValueError(str(error)) from None
        return uri
