"""Gzip: the one file inside."""

import zlib
from collections.abc import Iterator
from gzip import GzipFile
from io import BytesIO

from waivern.files.formats.archives.zip_reader import bomb_error, is_bomb
from waivern.files.formats.model.document import Document, Member, member_name, stem_of, suffix_of
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.messages.not_scanned import ReasonCode

_CHUNK_SIZE = 1 << 16


def read(document: Document) -> Iterator[Member]:
    """Yield the one member: `log.gz` holds `log.gz!/log`, `backup.tgz` holds `backup.tgz!/backup.tar`."""
    suffix = ".tar" if suffix_of(document.name) == ".tgz" else ""
    name = member_name(document.name, stem_of(document.name) + suffix)
    yield Member(name, lambda limit: _unpack(document.content, limit))


def _unpack(content: bytes, limit: int) -> bytes:
    unpacked = bytearray()
    try:
        with GzipFile(fileobj=BytesIO(content)) as file:
            while chunk := file.read(_CHUNK_SIZE):
                unpacked += chunk
                if is_bomb(len(unpacked), len(content)):
                    raise bomb_error()
                if len(unpacked) > limit:
                    raise TooLargeError(limit)
    except (EOFError, OSError, zlib.error):
        raise UnreadableError("damaged gzip data", ReasonCode.DAMAGED) from None
    return bytes(unpacked)
