"""The structure of e-mails (RFC 5322, 2045, 2047, 2231), in time proportional to their length.

The standard library's parser takes quadratic time for parameters, encoded words and nested parts.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote_to_bytes

from waivern.files.formats.text.charsets import decode_as

MAX_DEPTH = 20
"""How many levels of parts inside one another are read."""

_MAX_PARSED_CHARACTERS = 10_000
_MAX_BOUNDARY_LENGTH = 200
_HEADER = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]*")
_ENCODED_WORD = re.compile(r"=\?([^?\s*]{1,100})(?:\*[^?\s]{0,100})?\?([bBqQ])\?([^?]*)\?=")
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))', re.DOTALL)
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,4}))?(\*)?")
_TEXT_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_UUENCODINGS = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})


@dataclass(frozen=True)
class MimePart:
    """A part of an e-mail, or all of it: its headers, and the bytes of its body, which are not decoded."""

    headers: list[tuple[str, str]]
    raw_body: bytes
    is_too_deep: bool = False

    def header(self, name: str) -> str:
        """Return the beginning of the first header of this name; "" if there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")[:_MAX_PARSED_CHARACTERS]

    @cached_property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        media_type = self.header("content-type").partition(";")[0].strip().lower()
        return media_type if media_type.count("/") == 1 else "text/plain"

    @property
    def charset(self) -> str | None:
        return _parameters(self.header("content-type")).get("charset")

    @property
    def is_attachment(self) -> bool:
        return self.header("content-disposition").partition(";")[0].strip().lower() == "attachment"

    @property
    def file_name(self) -> str | None:
        """The name of the attached file."""
        disposition = _parameters(self.header("content-disposition")).get("filename")
        return disposition or _parameters(self.header("content-type")).get("name") or None

    def body(self) -> bytes:
        """Return the body without its transfer encoding; what is invalid in it is left out."""
        encoding = self.header("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            return _from_base64(self.raw_body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.raw_body)
        return _from_uuencoding(self.raw_body) if encoding in _UUENCODINGS else self.raw_body


def leaves_of(content: bytes) -> Iterator[MimePart]:
    """Yield the e-mail's headers as a part without a body, and then each part that has no parts itself, in order."""
    headers, start = _headers(content, 0, len(content))
    yield MimePart(headers, b"")
    waiting = [(headers, start, len(content), 0)]
    while waiting:
        headers, start, end, depth = waiting.pop()
        part = MimePart(headers, b"")
        ranges = _ranges(content, start, end, part) if part.content_type.startswith("multipart/") else []
        if not ranges or depth == MAX_DEPTH:
            yield MimePart(headers, content[start:end], is_too_deep=bool(ranges))
            continue
        for from_, to in reversed(ranges):
            waiting.append((*_headers(content, from_, to), to, depth + 1))


def decoded_header(value: str) -> str:
    """Return a header's value with its encoded words (RFC 2047) decoded."""
    texts: list[str] = []
    charset, encoded, end = "", bytearray(), 0
    for word in _ENCODED_WORD.finditer(value):
        between = value[end : word.start()]
        if (between.strip() or word[1].lower() != charset) and encoded:
            texts.append(decode_as(encoded, charset))
            encoded = bytearray()
        if between.strip() or not end:
            texts.append(between)
        charset, end = word[1].lower(), word.end()
        encoded += _decoded_word(word[2], word[3])
    if encoded:
        texts.append(decode_as(encoded, charset))
    return "".join([*texts, value[end:]])


def _headers(content: bytes, start: int, end: int) -> tuple[list[tuple[str, str]], int]:
    """Return the headers at the beginning of a range, and where the body begins."""
    headers: list[tuple[str, list[bytes]]] = []
    at = start
    while at < end:
        line_end = content.find(b"\n", at, end) + 1 or end
        line = content[at:line_end]
        if not line.strip(b"\r\n"):
            at = line_end
            break
        name = _HEADER.match(line)
        if line[:1] in (b" ", b"\t") and headers:
            headers[-1][1].append(line)
        elif name is not None:
            headers.append((name[1].decode("ascii"), [line[name.end() :]]))
        elif at != start or not line.startswith(b"From "):
            break
        at = line_end
    return [(name, _text_of(b"".join(lines)).rstrip("\r\n")) for name, lines in headers], at


def _text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def _ranges(content: bytes, start: int, end: int, part: MimePart) -> list[tuple[int, int]]:
    """Return where the parts of a part begin and end: between the lines with its boundary."""
    boundary = _parameters(part.header("content-type")).get("boundary", "").rstrip()[:_MAX_BOUNDARY_LENGTH]
    delimiter = f"--{boundary}".encode()
    ranges: list[tuple[int, int]] = []
    begin, at = -1, start
    while boundary and (found := content.find(delimiter, at, end)) >= 0:
        at = found + len(delimiter)
        if found != start and content[found - 1 : found] != b"\n":
            continue
        line_end = content.find(b"\n", at, end) + 1 or end
        rest = content[at : min(line_end, at + 1000)].strip()
        if rest not in (b"", b"--"):
            continue
        if begin >= 0:
            ranges.append((begin, _without_line_end(content, begin, found)))
        begin, at = (line_end, line_end) if rest == b"" else (-1, end)
    if begin >= 0:
        ranges.append((begin, end))
    return ranges


def _without_line_end(content: bytes, begin: int, end: int) -> int:
    end -= content[max(begin, end - 1) : end] == b"\n"
    return end - (content[max(begin, end - 1) : end] == b"\r")


def _parameters(value: str) -> dict[str, str]:
    """Return the parameters of a header, those in sections (RFC 2231) joined."""
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for match in _PARAMETER.finditer(value):
        section = _SECTION.fullmatch(match[1].lower())
        if section is not None:
            text = match[3].strip() if match[2] is None else _TEXT_ESCAPE.sub(r"\1", match[2])
            numbered = sections.setdefault(section[1], {})
            numbered.setdefault(int(section[2] or 0), (text, section[3] is not None))
    return {name: _joined([numbered[number] for number in sorted(numbered)]) for name, numbered in sections.items()}


def _joined(sections: list[tuple[str, bool]]) -> str:
    if not any(is_encoded for _, is_encoded in sections):
        return decoded_header("".join(text for text, _ in sections))
    text, is_encoded = sections[0]
    charset, _, rest = text.partition("'") if is_encoded else ("", "", "")
    first = rest.partition("'")[2] if rest else text
    encoded = [unquote_to_bytes(first), *(unquote_to_bytes(text) for text, _ in sections[1:])]
    return decode_as(b"".join(encoded), charset or "utf-8")


def _decoded_word(encoding: str, text: str) -> bytes:
    if encoding in "bB":
        return _from_base64(text.encode())
    return binascii.a2b_qp(text.encode(), header=True)


def _from_base64(encoded: bytes) -> bytes:
    digits = _NOT_BASE64.sub(b"", encoded)
    digits = digits[:-1] if len(digits) % 4 == 1 else digits
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def _from_uuencoding(encoded: bytes) -> bytes:
    decoded: list[bytes] = []
    is_inside = False
    for line in encoded.splitlines():
        if line.startswith(b"begin "):
            is_inside = True
        elif line == b"end":
            break
        elif is_inside:
            try:
                decoded.append(binascii.a2b_uu(line))
            except binascii.Error:
                continue
    return b"".join(decoded)
