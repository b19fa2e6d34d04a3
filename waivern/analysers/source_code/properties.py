"""The properties of source_code_analyser."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from waivern.analysers.source_code.languages import LANGUAGES, canonical_language
from waivern.errors import did_you_mean
from waivern.files.sizes import Size


def _known_language(name: str) -> str:
    language = canonical_language(name)
    if language is None:
        raise ValueError(f"is not a known language. {did_you_mean(name.lower(), LANGUAGES)}".strip())
    return language


class SourceCodeProperties(BaseModel):
    """All properties are optional.

    Args:
        language: Only select files in this language.
        max_file_size: Skip larger files; in bytes of their UTF-8, or with a unit.
        include_structure: Whether to include functions, classes, imports, comments and strings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Annotated[str, AfterValidator(_known_language)] | None = None
    max_file_size: Size = Field(default=10_000_000, gt=0)
    include_structure: bool = True
