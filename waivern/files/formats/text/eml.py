"""E-mail: headers as columns, bodies as text, attachments as members."""

from collections.abc import Iterator
from mimetypes import guess_extension

from waivern.files.decoding import NotTextError, decode
from waivern.files.formats.model.columns import in_one_line
from waivern.files.formats.model.document import Document, FormatError, Member, Part, member_name
from waivern.files.formats.text.charsets import known_charset
from waivern.files.formats.text.html import text_of
from waivern.files.formats.text.mime import MAX_DEPTH, MimePart, decoded_header, leaves_of
from waivern.files.reading import within_limit
from waivern.messages.not_scanned import NotScanned, ReasonCode

_MAIL_HEADERS = frozenset({"from", "to", "subject", "date", "received", "message-id"})
_DEFAULT_CHARSETS = frozenset({"us-ascii", "unknown-8bit"})
_MAIL_TYPES = frozenset({"message/rfc822", "message/global", "message/news"})
_MAX_NAME_LENGTH = 255


def read(document: Document) -> Iterator[Part | Member | NotScanned]:
    """Yield one part per header and body, and a member per attachment.

    Raises:
        FormatError: it has none of the headers of an e-mail.
    """
    leaves = leaves_of(document.content)
    headers = next(leaves).headers
    if _MAIL_HEADERS.isdisjoint(name.lower() for name, _ in headers):
        raise FormatError
    yield from _headers(headers)
    for number, part in enumerate(leaves, start=1):
        yield from _contents(part, number, document.name)


def _headers(headers: list[tuple[str, str]]) -> Iterator[Part]:
    values: dict[str, tuple[str, list[str]]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), (name, []))[1].append(in_one_line(decoded_header(value)))
    for name, texts in values.values():
        yield Part("\n".join(texts), {"table": "headers", "column": name[:_MAX_NAME_LENGTH]})


def _contents(part: MimePart, number: int, name: str) -> Iterator[Part | Member | NotScanned]:
    if part.is_too_deep:
        reason = f"part {number} is not scanned: it is nested more than {MAX_DEPTH} deep"
        yield NotScanned(name, reason, ReasonCode.TOO_COMPLEX)
        return
    content = part.body()
    if part.content_type in _MAIL_TYPES:
        yield _member(content, member_name(name, _path_of(part) or f"message-{number}.eml"))
        return
    body = _body(part, content)
    if body is None:
        path = _path_of(part) or f"part-{number}{guess_extension(part.content_type) or ''}"
        yield _member(content, member_name(name, path))
    elif body.strip():
        yield Part(body, {"part": number})


def _path_of(part: MimePart) -> str | None:
    return in_one_line(part.file_name)[-_MAX_NAME_LENGTH:] if part.file_name else None


def _body(part: MimePart, content: bytes) -> str | None:
    """Return the text of a part that is shown with the mail; None for an attachment."""
    if not part.content_type.startswith(("text/", "message/", "multipart/")) or part.file_name or part.is_attachment:
        return None
    charset = None if (part.charset or "").lower() in _DEFAULT_CHARSETS else known_charset(part.charset)
    try:
        text = decode(content, encoding=charset).text
    except NotTextError:
        return None
    return text_of(text) if part.content_type == "text/html" else text


def _member(content: bytes, name: str) -> Member:
    return Member(name, lambda limit: within_limit(content, limit))
