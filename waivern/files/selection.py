"""The properties in which a runbook says which files are read, and how."""

import codecs
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from waivern.files.patterns import pattern_error
from waivern.files.sizes import Size


def _valid_pattern(pattern: str) -> str:
    error = pattern_error(pattern)
    if error is not None:
        raise ValueError(error)
    return pattern


def _known_encoding(name: str) -> str:
    try:
        codec = codecs.lookup(name)
        b"a".decode(codec.name, "replace")  # lookup() also finds codecs from bytes to bytes, such as "hex"
    except LookupError:
        raise ValueError("is not a known encoding") from None
    return codec.name


Pattern = Annotated[str, AfterValidator(_valid_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(lambda value: () if value is None else value)]


class FileSelection(BaseModel):
    """The properties that all connectors for files share.

    Args:
        include_patterns: Read only files that match one of these; empty: all. See `patterns.Patterns`.
        exclude_patterns: Do not read files that match one of these, even if they are included.
        max_files: The maximum number of files; None: no limit.
        max_file_size: Larger files are not scanned. Bytes, or with a unit: 10MB is 10^7, 10MiB 10 * 2^20 bytes.
        max_total_size: The maximum size of all files together; limits the time and disk space of a scan.
        file_time_limit: The processor time that parsing one file may take, in seconds; a file that takes more is not
            scanned.
        file_memory_limit: The memory that parsing one file may take, in bytes or with a unit; on Linux only.
        encoding: The encoding of all files; None: detect it for each file.
        errors: What to do with a file that has bytes invalid in its encoding: "replace" scans the rest of it,
            "strict" does not scan it, "ignore" is the same as "replace". The file is reported in any case.
        formats: "auto" parses tables, structured files, documents, mails and archives; "text" reads every file as
            plain text and reports those that are not.
        chunk_size: Has no effect; accepted because runbooks for other scanners set it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    include_patterns: Patterns = ()
    exclude_patterns: Patterns = ()
    max_files: int | None = Field(default=None, ge=1)
    max_file_size: Size = 100 * 10**6
    max_total_size: Size = 10**9
    file_time_limit: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 60
    file_memory_limit: Annotated[Size, Field(ge=10**6)] = 10**9
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = None
    errors: Literal["replace", "strict", "ignore"] = "replace"
    formats: Literal["auto", "text"] = "auto"
    chunk_size: int | None = None
