"""ZIP archives: each file is read as if it were in a folder."""

from collections.abc import Callable, Iterator
from zipfile import ZipInfo

from waivern.files.formats.archives.zip_reader import open_archive, refusal_of, unpack
from waivern.files.formats.model.document import Document, Member, member_name
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.messages.not_scanned import ReasonCode


def read(document: Document) -> Iterator[Member]:
    """Yield a member per file, in the order of the archive.

    Raises:
        UnreadableError: it is damaged or a bomb.
    """
    with open_archive(document.content) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if not entries:
        raise UnreadableError("an archive without files", ReasonCode.NO_TEXT)
    for entry in entries:
        yield Member(member_name(document.name, entry.filename), _unpacker(document, entry))


def _unpacker(document: Document, entry: ZipInfo) -> Callable[[int], bytes]:
    def unpack_all(limit: int) -> bytes:
        refusal = refusal_of(entry, document.limit)
        if refusal is not None:
            raise refusal
        if entry.file_size > limit:
            raise TooLargeError(limit, entry.file_size)
        return b"".join(unpack(document.content, entry))

    return unpack_all
