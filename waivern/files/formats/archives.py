"""ZIP archives, held against what a bomb of one would do."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from waivern.files.formats.document import Document
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.messages.not_scanned import ReasonCode

MOST_ENTRIES = 10_000
MOST_TIMES = 200
"""What is unpacked may be so many times the size of what it was packed to, ..."""

FREE = 1_000_000
"""... beyond the first bytes."""

_PIECE = 1 << 16
_ENTRY = b"PK\x01\x02"
_METHODS = (ZIP_STORED, ZIP_DEFLATED)
_ENCRYPTED = 0x1


def opened(document: Document) -> ZipFile:
    """Open an archive all of whose members may be unpacked.

    Raises:
        UnreadableError: one is encrypted, a bomb or larger than a member may be, or the archive is damaged.
    """
    archive = listed(document.content)
    for entry in archive.infolist():
        refusal = refusal_of(entry, document.most)
        if refusal is not None:
            raise UnreadableError(f"holds {entry.filename}, which is {refusal}", refusal.code)
        for _ in unpacked(document.content, entry):
            pass
    return archive


def listed(content: bytes) -> ZipFile:
    """Open an archive to see what is in it; each member has to be asked about with `refusal_of`.

    Raises:
        UnreadableError: it is damaged, has more than 10,000 entries, or they are a bomb together.
    """
    if content.count(_ENTRY) > 10 * MOST_ENTRIES:  # each is an object once the archive is opened
        raise UnreadableError(f"an archive of more than {MOST_ENTRIES:,} entries", ReasonCode.TOO_COMPLEX)
    try:
        archive = ZipFile(BytesIO(content))
    except (BadZipFile, NotImplementedError, UnicodeError, ValueError):
        raise UnreadableError("a damaged ZIP archive or office document", ReasonCode.DAMAGED) from None
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        reason = f"an archive of more than {MOST_ENTRIES:,} entries ({len(entries):,})"
        raise UnreadableError(reason, ReasonCode.TOO_COMPLEX)
    if is_bomb(sum(entry.file_size for entry in entries), len(content)):
        raise bomb_error()
    return archive


def refusal_of(entry: ZipInfo, most: int) -> UnreadableError | None:
    """Return why a member is not unpacked; None if it may be. `unpacked` holds it to the size that it says."""
    if entry.flag_bits & _ENCRYPTED:
        return UnreadableError("encrypted", ReasonCode.ENCRYPTED)
    if entry.compress_type not in _METHODS:
        return UnreadableError(f"packed by a method that is not read ({entry.compress_type})", ReasonCode.UNSUPPORTED)
    if is_bomb(entry.file_size, entry.compress_size):
        return bomb_error()
    return TooLargeError(most, entry.file_size) if entry.file_size > most else None


def unpacked(content: bytes, entry: ZipInfo) -> Iterator[bytes]:
    """Yield a member's bytes, piece by piece; ZipFile unpacks all at once, and only then sees that it is too much.

    Raises:
        UnreadableError: it is damaged, or more than it says.
    """
    size = checksum = 0
    for piece in _pieces(content, entry):
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
        if size > entry.file_size:
            break
        yield piece
    if size != entry.file_size or checksum != entry.CRC:
        raise UnreadableError("damaged: it does not unpack to what the archive says", ReasonCode.DAMAGED)


def _pieces(content: bytes, entry: ZipInfo) -> Iterator[bytes]:
    start = _start_of(content, entry)
    is_packed = entry.compress_type == ZIP_DEFLATED
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    for at in range(start, start + entry.compress_size, _PIECE):
        piece = content[at : min(at + _PIECE, start + entry.compress_size)]
        if not is_packed:
            yield piece
            continue
        try:
            while piece and not unpacker.eof:
                yield unpacker.decompress(piece, _PIECE)
                piece = unpacker.unconsumed_tail
        except zlib.error:
            raise UnreadableError("damaged within the archive", ReasonCode.DAMAGED) from None
    if is_packed:
        yield unpacker.flush()


def _start_of(content: bytes, entry: ZipInfo) -> int:
    """Where a member's packed bytes begin: after a header of 30 bytes, the name and the extra field (APPNOTE 4.3.7)."""
    header = entry.header_offset
    if header < 0 or content[header : header + 4] != b"PK\x03\x04":
        raise UnreadableError("damaged within the archive", ReasonCode.DAMAGED)
    lengths = content[header + 26 : header + 28], content[header + 28 : header + 30]
    return header + 30 + sum(int.from_bytes(length, "little") for length in lengths)


def is_bomb(size: int, packed: int) -> bool:
    return size - FREE > MOST_TIMES * packed


def bomb_error() -> UnreadableError:
    return UnreadableError(f"a bomb: unpacked it is more than {MOST_TIMES} times as large", ReasonCode.TOO_LARGE)
