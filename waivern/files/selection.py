"""What a runbook may say of which files are read, and how."""

import codecs
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from waivern.files.patterns import fault_of

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)")


def _bytes(size: object) -> object:
    if not isinstance(size, str):
        return size
    match = _SIZE.fullmatch(size.strip())
    if match is None or match["unit"].upper() not in _UNITS:
        raise ValueError("is no size: write a number of bytes, or such as 10MB")
    return int(float(match["number"]) * _UNITS[match["unit"].upper()])


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


Size = Annotated[int, BeforeValidator(_bytes), Field(ge=0)]
Pattern = Annotated[str, AfterValidator(_pattern)]


class FileSelection(BaseModel):
    """The properties that all connectors of files share.

    Args:
        include_patterns: Only files that one of these means; none: all. See `patterns.Patterns`.
        exclude_patterns: Not the files that one of these means, though included.
        max_files: How many files are read at the most; none: all.
        max_file_size: A larger file is not read. Bytes, or with a unit: 10MB is 10^7, 10MiB 10 * 2^20 bytes.
        max_total_size: How much is read at the most; it bounds the memory that a scan takes.
        encoding: What all files are written in; none: found out file by file.
        errors: What becomes of a file with bytes that are not of its encoding: "replace" reads the rest of it,
            "strict" leaves it out, and "ignore" is read as "replace". Either way it is named.
        chunk_size: Has no effect; it is taken because runbooks for other scanners say it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    include_patterns: tuple[Pattern, ...] = ()
    exclude_patterns: tuple[Pattern, ...] = ()
    max_files: int | None = Field(default=None, ge=1)
    max_file_size: Size = 100 * 10**6
    max_total_size: Size = 10**9
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    errors: Literal["replace", "strict", "ignore"] = "replace"
    chunk_size: int | None = None
