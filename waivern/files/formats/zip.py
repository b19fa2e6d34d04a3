"""ZIP: the files in it, each read as if it lay in a folder."""

from collections.abc import Callable, Iterator
from zipfile import ZipInfo

from waivern.files.formats.archives import fault_of, listed, unpacked
from waivern.files.formats.document import Document, Member, within
from waivern.files.reading import TooLargeError, UnreadableError


def read(document: Document) -> Iterator[Member]:
    """Make a member of each file, in the order in which the archive lists them.

    Raises:
        UnreadableError: it is damaged or a bomb.
    """
    with listed(document.content) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if not entries:
        raise UnreadableError("an archive without a file")
    for entry in entries:
        yield Member(within(document.name, entry.filename), _unpacking(document, entry))


def _unpacking(document: Document, entry: ZipInfo) -> Callable[[int], bytes]:
    def whole(limit: int) -> bytes:
        why_not = fault_of(entry, document.most)
        if why_not is not None:
            raise UnreadableError(why_not)
        if entry.file_size > limit:
            raise TooLargeError(limit, entry.file_size)
        return b"".join(unpacked(document.content, entry))

    return whole
