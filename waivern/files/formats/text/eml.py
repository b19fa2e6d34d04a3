"""E-mail: headers as columns, bodies as text, attachments as members."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from mimetypes import guess_extension
from typing import Any

from waivern.files.decoding import NotTextError, decode
from waivern.files.formats.model.columns import in_one_line
from waivern.files.formats.model.document import Document, FormatError, Member, Part, member_name
from waivern.files.formats.text.html import text_of
from waivern.files.reading import within_limit

_MAIL_HEADERS = frozenset({"from", "to", "subject", "date", "received", "message-id"})
_MEANINGLESS_CHARSETS = ("us-ascii", "unknown-8bit")


def read(document: Document) -> Iterator[Part | Member]:
    """Yield one part per header and body, and a member per attachment.

    Raises:
        FormatError: it has none of the headers of an e-mail.
    """
    mail = message_from_bytes(document.content, policy=policy.compat32)
    if _MAIL_HEADERS.isdisjoint(name.lower() for name in mail):
        raise FormatError
    yield from _headers(mail)
    for number, part in enumerate(_leaves(mail), start=1):
        yield from _contents(part, number, document.name)


def _headers(mail: Message) -> Iterator[Part]:
    values: dict[str, tuple[str, list[str]]] = {}
    for name, value in mail.items():
        values.setdefault(name.lower(), (name, []))[1].append(in_one_line(_decoded_header(value)))
    for name, texts in values.values():
        yield Part("\n".join(texts), {"table": "headers", "column": name})


def _decoded_header(value: Any) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return str(value)


def _leaves(mail: Message) -> Iterator[Message]:
    waiting = [mail]
    while waiting:
        part = waiting.pop()
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting.extend(child for child in reversed(payload) if isinstance(child, Message))
        else:
            yield part


def _contents(part: Message, number: int, name: str) -> Iterator[Part | Member]:
    payload = part.get_payload()
    if isinstance(payload, list):  # a forwarded mail
        for mail in payload:
            content = mail.as_bytes() if isinstance(mail, Message) else str(mail).encode()
            yield _member(content, member_name(name, part.get_filename() or f"message-{number}.eml"))
        return
    decoded_payload = part.get_payload(decode=True)
    content = decoded_payload if isinstance(decoded_payload, bytes) else b""
    body = _body(part, content)
    if body is not None:
        yield Part(body, {"part": number})
        return
    path = part.get_filename() or f"part-{number}{guess_extension(part.get_content_type()) or ''}"
    yield _member(content, member_name(name, in_one_line(path)))


def _body(part: Message, content: bytes) -> str | None:
    """Return the text of a part that is shown with the mail; None for an attachment."""
    if part.get_content_maintype() != "text" or part.get_filename() is not None:
        return None
    if part.get_content_disposition() == "attachment":
        return None
    charset = part.get_content_charset()
    try:
        text = decode(content, encoding=None if charset in _MEANINGLESS_CHARSETS else charset).text
    except NotTextError:
        return None
    except LookupError:  # an unknown charset
        text = decode(content).text
    return text_of(text) if part.get_content_subtype() == "html" else text


def _member(content: bytes, name: str) -> Member:
    return Member(name, lambda limit: within_limit(content, limit))
