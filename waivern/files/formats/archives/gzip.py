"""Gzip (RFC 1952): the one file inside, which may be stored in several gzip members, one after the other."""

import zlib
from collections.abc import Iterator

from waivern.files.formats.archives.zip_reader import bomb_error, is_bomb
from waivern.files.formats.model.document import Document, Member, member_name, stem_of, suffix_of
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.messages.not_scanned import ReasonCode

MAX_GZIP_MEMBERS = 100_000
"""How many gzip members are unpacked: one of 20 bytes takes as long as one of 10 KB."""

_CHUNK_SIZE = 1 << 16
_GZIP_BITS = 16 + zlib.MAX_WBITS
_SIGNATURE = b"\x1f\x8b"


def read(document: Document) -> Iterator[Member]:
    """Yield the one member: `log.gz` holds `log.gz!/log`, `backup.tgz` holds `backup.tgz!/backup.tar`."""
    suffix = ".tar" if suffix_of(document.name) == ".tgz" else ""
    name = member_name(document.name, stem_of(document.name) + suffix)
    yield Member(name, lambda limit: _unpack(document.content, limit))


def _unpack(content: bytes, limit: int) -> bytes:
    unpacked = bytearray()
    try:
        for chunk in _chunks(content):
            unpacked += chunk
            if is_bomb(len(unpacked), len(content)):
                raise bomb_error()
            if len(unpacked) > limit:
                raise TooLargeError(limit)
    except zlib.error:
        raise _damaged() from None
    return bytes(unpacked)


def _chunks(content: bytes) -> Iterator[bytes]:
    at = members = 0
    while at < len(content):
        if members and not content.startswith(_SIGNATURE, at):
            if content[at:].strip(b"\0"):
                raise _damaged()
            return  # zeros may follow, such as those of a tape's last block
        members += 1
        if members > MAX_GZIP_MEMBERS:
            raise UnreadableError(f"gzip data of more than {MAX_GZIP_MEMBERS:,} members", ReasonCode.TOO_COMPLEX)
        decompressor = zlib.decompressobj(_GZIP_BITS)
        while not decompressor.eof:
            compressed = decompressor.unconsumed_tail or content[at : at + _CHUNK_SIZE]
            if not compressed:
                raise _damaged()
            if not decompressor.unconsumed_tail:
                at += len(compressed)
            yield decompressor.decompress(compressed, _CHUNK_SIZE)
        at -= len(decompressor.unused_data)


def _damaged() -> UnreadableError:
    return UnreadableError("damaged gzip data", ReasonCode.DAMAGED)
