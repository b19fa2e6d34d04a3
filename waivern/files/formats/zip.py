"""ZIP: the files in it, each read as if it lay in a folder."""

from collections.abc import Callable, Iterator
from zipfile import ZipInfo

from waivern.files.formats.archives import listed, refusal_of, unpacked
from waivern.files.formats.document import Document, Member, within
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.messages.not_scanned import ReasonCode


def read(document: Document) -> Iterator[Member]:
    """Make a member of each file, in the order in which the archive lists them.

    Raises:
        UnreadableError: it is damaged or a bomb.
    """
    with listed(document.content) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if not entries:
        raise UnreadableError("an archive without a file", ReasonCode.NO_TEXT)
    for entry in entries:
        yield Member(within(document.name, entry.filename), _unpacking(document, entry))


def _unpacking(document: Document, entry: ZipInfo) -> Callable[[int], bytes]:
    def whole(limit: int) -> bytes:
        refusal = refusal_of(entry, document.most)
        if refusal is not None:
            raise refusal
        if entry.file_size > limit:
            raise TooLargeError(limit, entry.file_size)
        return b"".join(unpacked(document.content, entry))

    return whole
