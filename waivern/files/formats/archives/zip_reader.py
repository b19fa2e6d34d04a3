"""Reading ZIP archives with protection against decompression bombs."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from waivern.files.formats.model.document import Document
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.messages.not_scanned import ReasonCode

MAX_ENTRIES = 10_000
MAX_RATIO = 200
"""How many times larger than its compressed size a content may be, apart from the first `FREE_BYTES`."""

FREE_BYTES = 1_000_000

_CHUNK_SIZE = 1 << 16
_ENTRY_SIGNATURE = b"PK\x01\x02"
_SUPPORTED_METHODS = (ZIP_STORED, ZIP_DEFLATED)
_ENCRYPTED_FLAG = 0x1


def open_verified(document: Document) -> ZipFile:
    """Open an archive after checking that every member can be unpacked safely.

    Raises:
        UnreadableError: a member is encrypted, a bomb or too large, or the archive is damaged.
    """
    archive = open_archive(document.content)
    for entry in archive.infolist():
        refusal = refusal_of(entry, document.limit)
        if refusal is not None:
            raise UnreadableError(f"holds {entry.filename}, which is {refusal}", refusal.code)
        for _ in unpack(document.content, entry):
            pass
    return archive


def open_archive(content: bytes) -> ZipFile:
    """Open an archive to list its members; check each with `refusal_of` before unpacking it.

    Raises:
        UnreadableError: it is damaged, has more than 10,000 entries, or is a bomb as a whole.
    """
    if content.count(_ENTRY_SIGNATURE) > 10 * MAX_ENTRIES:  # ZipFile creates an object for each entry
        raise UnreadableError(f"an archive of more than {MAX_ENTRIES:,} entries", ReasonCode.TOO_COMPLEX)
    try:
        archive = ZipFile(BytesIO(content))
    except (BadZipFile, NotImplementedError, UnicodeError, ValueError):
        raise UnreadableError("a damaged ZIP archive or office document", ReasonCode.DAMAGED) from None
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        reason = f"an archive of more than {MAX_ENTRIES:,} entries ({len(entries):,})"
        raise UnreadableError(reason, ReasonCode.TOO_COMPLEX)
    if is_bomb(sum(entry.file_size for entry in entries), len(content)):
        raise bomb_error()
    return archive


def refusal_of(entry: ZipInfo, limit: int) -> UnreadableError | None:
    """Return why a member is not unpacked; None if it can be. `unpack` enforces the size that the entry states."""
    if entry.flag_bits & _ENCRYPTED_FLAG:
        return UnreadableError("encrypted", ReasonCode.ENCRYPTED)
    if entry.compress_type not in _SUPPORTED_METHODS:
        reason = f"compressed by a method that is not supported ({entry.compress_type})"
        return UnreadableError(reason, ReasonCode.UNSUPPORTED)
    if is_bomb(entry.file_size, entry.compress_size):
        return bomb_error()
    return TooLargeError(limit, entry.file_size) if entry.file_size > limit else None


def unpack(content: bytes, entry: ZipInfo) -> Iterator[bytes]:
    """Yield a member's bytes in chunks. (ZipFile would unpack all of it before it notices a wrong size.)

    Raises:
        UnreadableError: it is damaged, or larger than the entry states.
    """
    size = checksum = 0
    for chunk in _chunks(content, entry):
        size += len(chunk)
        checksum = zlib.crc32(chunk, checksum)
        if size > entry.file_size:
            break
        yield chunk
    if size != entry.file_size or checksum != entry.CRC:
        raise UnreadableError("damaged: its size or checksum is not what the archive states", ReasonCode.DAMAGED)


def _chunks(content: bytes, entry: ZipInfo) -> Iterator[bytes]:
    start = _data_start(content, entry)
    is_compressed = entry.compress_type == ZIP_DEFLATED
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    for at in range(start, start + entry.compress_size, _CHUNK_SIZE):
        chunk = content[at : min(at + _CHUNK_SIZE, start + entry.compress_size)]
        if not is_compressed:
            yield chunk
            continue
        try:
            while chunk and not decompressor.eof:
                yield decompressor.decompress(chunk, _CHUNK_SIZE)
                chunk = decompressor.unconsumed_tail
        except zlib.error:
            raise UnreadableError("damaged inside the archive", ReasonCode.DAMAGED) from None
    if is_compressed:
        yield decompressor.flush()


def _data_start(content: bytes, entry: ZipInfo) -> int:
    """Return where a member's data begins: after a header of 30 bytes, the name and the extra field (APPNOTE 4.3.7)."""
    header = entry.header_offset
    if header < 0 or content[header : header + 4] != b"PK\x03\x04":
        raise UnreadableError("damaged inside the archive", ReasonCode.DAMAGED)
    lengths = content[header + 26 : header + 28], content[header + 28 : header + 30]
    return header + 30 + sum(int.from_bytes(length, "little") for length in lengths)


def is_bomb(size: int, compressed_size: int) -> bool:
    return size - FREE_BYTES > MAX_RATIO * compressed_size


def bomb_error() -> UnreadableError:
    return UnreadableError(
        f"a decompression bomb: more than {MAX_RATIO} times as large when unpacked", ReasonCode.TOO_LARGE
    )
