"""Gzip: the one file in it."""

import zlib
from collections.abc import Iterator
from gzip import GzipFile
from io import BytesIO

from waivern.files.formats.archives import bomb_error, is_bomb
from waivern.files.formats.document import Document, Member, stem_of, suffix_of, within
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.messages.not_scanned import ReasonCode

_CHUNK = 1 << 16


def read(document: Document) -> Iterator[Member]:
    """Make a member of what is packed: `log.gz` holds `log.gz!/log`, `backup.tgz` holds `backup.tgz!/backup.tar`."""
    ending = ".tar" if suffix_of(document.name) == ".tgz" else ""
    name = within(document.name, stem_of(document.name) + ending)
    yield Member(name, lambda limit: _unpacked(document.content, limit))


def _unpacked(content: bytes, limit: int) -> bytes:
    unpacked = bytearray()
    try:
        with GzipFile(fileobj=BytesIO(content)) as file:
            while chunk := file.read(_CHUNK):
                unpacked += chunk
                if is_bomb(len(unpacked), len(content)):
                    raise bomb_error()
                if len(unpacked) > limit:
                    raise TooLargeError(limit)
    except (EOFError, OSError, zlib.error):
        raise UnreadableError("damaged gzip data", ReasonCode.DAMAGED) from None
    return bytes(unpacked)
