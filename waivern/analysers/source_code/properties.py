"""What a runbook may say of a source_code_analyser."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from waivern.analysers.source_code.languages import LANGUAGES, language_named
from waivern.errors import did_you_mean
from waivern.files.sizes import Size


def _known(name: str) -> str:
    language = language_named(name)
    if language is None:
        raise ValueError(f"is no known language. {did_you_mean(name.lower(), LANGUAGES)}".strip())
    return language


class SourceCodeProperties(BaseModel):
    """All properties; each may be left out.

    Args:
        language: Only files of this language are taken.
        max_file_size: A larger file is not taken; bytes of its UTF-8, or with a unit.
        include_structure: Whether functions, classes, imports, comments and strings are told.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Annotated[str, AfterValidator(_known)] | None = None
    max_file_size: Size = Field(default=10_000_000, gt=0)
    include_structure: bool = True
