"""Parsing a source file in a parser process: tree-sitter's grammars are C code whose time and memory nothing bounds."""

from collections.abc import Iterator
from typing import Any

from waivern.analysers.source_code.structure import NotParsedError, parse_obstacle, parse_structure
from waivern.files.formats.model.document import Document, Part
from waivern.files.formats.registry import Format
from waivern.files.parsers.parsing import FileLimits, parse
from waivern.files.reading import UnreadableError
from waivern.messages.not_scanned import ReasonCode

LIMITS = FileLimits(seconds=20, memory=10**9)
"""What parsing one source file may take. A file of 1 MB usually takes less than a second."""

_SOURCE_CODE = Format("source code", __name__)
_TSX = ".tsx"


def structure_of(data: bytes, language: str, *, is_tsx: bool) -> dict[str, Any]:
    """Return the structure of a file, see `parse_structure`.

    Raises:
        NotParsedError: it cannot be parsed, or not within the limits.
    """
    obstacle = parse_obstacle(data)
    if obstacle is not None:
        raise NotParsedError(obstacle)
    document = Document(language + (_TSX if is_tsx else ""), data, len(data))
    try:
        (extracted,) = parse(document, _SOURCE_CODE, LIMITS)
    except UnreadableError as error:
        raise NotParsedError(_limit_reason(error.code) or str(error)) from None
    assert isinstance(extracted, Part)
    return dict(extracted.metadata)


def read(document: Document) -> Iterator[Part]:
    """Yield the structure as the metadata of a part; the document's name is that of its language.

    Raises:
        UnreadableError: it cannot be parsed.
    """
    language, is_tsx = document.name.removesuffix(_TSX), document.name.endswith(_TSX)
    try:
        yield Part("", parse_structure(document.content, language, is_tsx=is_tsx))
    except NotParsedError as error:
        raise UnreadableError(str(error), ReasonCode.TOO_COMPLEX) from None


def _limit_reason(code: ReasonCode) -> str | None:
    if code is ReasonCode.TIME_LIMIT:
        return f"parsing it takes more than {LIMITS.seconds:g} seconds"
    if code is ReasonCode.MEMORY_LIMIT:
        return f"parsing it takes more than {LIMITS.memory:,} bytes of memory"
    return None
