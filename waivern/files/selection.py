"""What a runbook may say of which files are read, and how."""

import codecs
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from waivern.files.patterns import fault_of
from waivern.files.sizes import Size


def _pattern(pattern: str) -> str:
    fault = fault_of(pattern)
    if fault is not None:
        raise ValueError(fault)
    return pattern


def _encoding(name: str) -> str:
    try:
        known = codecs.lookup(name)
        b"".decode(known.name)  # a codec from bytes to bytes, such as "hex", is known too
    except LookupError:
        raise ValueError("is no known encoding") from None
    return known.name


Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(lambda given: () if given is None else given)]


class FileSelection(BaseModel):
    """The properties that all connectors of files share.

    Args:
        include_patterns: Only files that one of these means; none: all. See `patterns.Patterns`.
        exclude_patterns: Not the files that one of these means, though included.
        max_files: How many files are read at the most; none: all.
        max_file_size: A larger file is not read. Bytes, or with a unit: 10MB is 10^7, 10MiB 10 * 2^20 bytes.
        max_total_size: How much is read at the most; it bounds the time and the room on disk that a scan takes.
        encoding: What all files are written in; none: found out file by file.
        errors: What becomes of a file with bytes that are not of its encoding: "replace" reads the rest of it,
            "strict" leaves it out, and "ignore" is read as "replace". Either way it is named.
        formats: "auto" takes tables, trees of keys, documents, mails and archives apart; "text" reads every file as
            plain text, and names those that are none.
        chunk_size: Has no effect; it is taken because runbooks for other scanners say it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    include_patterns: Patterns = ()
    exclude_patterns: Patterns = ()
    max_files: int | None = Field(default=None, ge=1)
    max_file_size: Size = 100 * 10**6
    max_total_size: Size = 10**9
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    errors: Literal["replace", "strict", "ignore"] = "replace"
    formats: Literal["auto", "text"] = "auto"
    chunk_size: int | None = None
