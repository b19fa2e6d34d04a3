"""What a format's reader extracts from a file, as replies."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from waivern.files.formats.model.document import Document, Member, Part
from waivern.files.parsers.wire import End, Extracted, Reply, Request, Text, Unpacked, Unread
from waivern.files.reading import UnreadableError
from waivern.messages.not_scanned import NotScanned, ReasonCode

_Extract = Part | Member | NotScanned


def replies_to(request: Request, content: bytes) -> Iterator[Reply]:
    """Yield what is extracted from a file, and the end.

    Raises:
        MemoryError: parsing it takes too much memory.
    """
    document = Document(request.name, content, request.limit, request.encoding)
    read = import_module(request.module).read
    try:
        if request.is_text:
            yield from _text_replies(read, document, has_one_encoding=request.has_one_encoding)
        else:
            for extract in read(document):
                yield _reply(extract, request.limit)
            yield End()
    except UnreadableError as error:
        yield End(reason=str(error), code=error.code)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  a malicious file may make a parser raise anything
        yield End(code=ReasonCode.DAMAGED)


def _text_replies(read: Any, document: Document, *, has_one_encoding: bool) -> Iterator[Reply]:
    """Yield the replies for a text; it is read as plain text if nothing can be extracted, whatever the reason."""
    text = document.decoded if has_one_encoding else None
    extracts: list[_Extract] = []
    if text is None or text.text:
        try:
            extracts = list(read(document))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  it does not follow the format
            extracts = []
    if not extracts:
        yield End(follows_format=False)
        return
    yield Text() if text is None else Text(text.encoding, text.guessed, text.replaced)
    for extract in extracts:
        yield _reply(extract, document.limit)
    yield End()


def _reply(extract: _Extract, limit: int) -> Reply:
    if isinstance(extract, Part):
        metadata = {
            key: _encodable(value) if isinstance(value, str) else value for key, value in extract.metadata.items()
        }
        return Extracted(_encodable(extract.content), metadata)
    if isinstance(extract, NotScanned):
        return Unread(_encodable(extract.name), _encodable(extract.reason), extract.code)
    try:
        return Unpacked(_encodable(extract.name), extract.unpack(limit))
    except UnreadableError as error:
        return Unread(_encodable(extract.name), str(error), error.code)


def _encodable(text: str) -> str:
    """Return the text without lone surrogates, which JSON can express and a message cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
