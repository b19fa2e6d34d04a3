"""From files to the items of a message, with a word on each that was not read."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from waivern.files.decoding import Decoded
from waivern.files.formats.document import Document, Member, Part
from waivern.files.formats.register import Format, check_installed, format_of
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.files.walking import shown
from waivern.messages.not_scanned import NotScanned, ReasonCode
from waivern.messages.packed import PackedItems

if TYPE_CHECKING:
    from waivern.files.selection import FileSelection

DEEPEST = 3
"""Archives and mails within one another."""

MOST_MEMBERS = 10_000
"""Files within one file, whatever their depth."""

_OF_A_PART = 256
Taken = Part | Member | NotScanned


class Readable(Protocol):
    """A file to read: `read` returns its bytes, or raises `UnreadableError`, `TooLargeError` if they are too many."""

    @property
    def name(self) -> str: ...
    def read(self, *, limit: int) -> bytes: ...


class FileScan:
    """Reads files within the bounds of a selection.

    Plain text is one item a file; what has a format is taken apart, see `waivern.files.formats`. `scanned` counts the
    files that were read, those within archives and mails singly; `not_scanned` names every other one, or the folder
    that was left out with all that is in it, with the reason. A file of which some characters could not be read is
    scanned all the same and named there too, as "name (3 characters)".

    Args:
        selection: The bounds.
        source: What the items say that they are from.
        connector_type: Who read them.
    """

    def __init__(self, selection: "FileSelection", *, source: str, connector_type: str) -> None:
        self._selection = selection
        self._said = {"source": source, "connector_type": connector_type}
        self._size = 0
        self._members = 0
        self._is_full = False
        self.scanned = 0
        self.items = PackedItems()
        self.not_scanned: list[dict[str, str]] = []

    def read(self, found: Iterable[Readable | NotScanned]) -> None:
        """Read what was found, in its order."""
        for each in found:
            if isinstance(each, NotScanned):
                self._skip(shown(each.name), each.reason, each.code)
            else:
                self._members = 0
                self._scan(each, shown(each.name), depth=0)

    def metadata(self) -> dict[str, Any]:
        """Return what a message says of the scan."""
        return {"scanned": self.scanned, "not_scanned": self.not_scanned}

    def _scan(self, file: Readable, name: str, *, depth: int) -> None:
        limits = self._selection
        try:
            document = Document(name, self._bytes_of(file), limits.max_file_size, limits.encoding)
            self._size += len(document.content)
            kind = format_of(document) if limits.formats == "auto" else None
            if kind is not None and kind.holds_files and depth >= DEEPEST:
                raise UnreadableError(f"{kind.what}, nested more than {DEEPEST} deep", ReasonCode.TOO_COMPLEX)
            if kind is None:
                self._read_as_text(document)
            elif kind.is_text:
                self._read_text_of(kind, document, depth)
            else:
                self._take_apart(kind, document, depth)
        except UnreadableError as error:
            self._skip(name, str(error), error.code)

    def _bytes_of(self, file: Readable) -> bytes:
        limits = self._selection
        if limits.max_files is not None and self.scanned >= limits.max_files:
            raise UnreadableError(f"beyond max_files ({limits.max_files})", ReasonCode.LIMIT_REACHED)
        reason = f"beyond max_total_size ({limits.max_total_size} bytes)"
        beyond = UnreadableError(reason, ReasonCode.LIMIT_REACHED)
        if self._is_full:
            raise beyond
        room = limits.max_total_size - self._size
        try:
            return file.read(limit=min(limits.max_file_size, room))
        except TooLargeError as error:
            if room >= limits.max_file_size:
                raise
            if error.size is not None and error.size > limits.max_file_size:
                raise TooLargeError(limits.max_file_size, error.size) from None
            self._is_full = True
            raise beyond from None

    def _read_as_text(self, document: Document, **said: str) -> None:
        text = document.decoded
        self._check_characters(text)
        self._add(document.name, Part(text.text, said), text)
        self._name_unread_characters(document.name, text)
        self.scanned += 1

    def _read_text_of(self, kind: Format, document: Document, depth: int) -> None:
        """Take a text apart, or read it as plain text where it is not of its format, or too large."""
        parts = _parts_of_text(kind, document)
        if not parts:
            self._read_as_text(document, read_as="text")
            return
        text = document.decoded if kind.is_decoded else None
        if text is not None:
            self._check_characters(text)
            self._name_unread_characters(document.name, text)
        self._take_all(parts, kind, document, depth, text)

    def _take_apart(self, kind: Format, document: Document, depth: int) -> None:
        check_installed(kind)
        self._take_all(kind.reader()(document), kind, document, depth)

    def _take_all(
        self, parts: Iterable[Taken], kind: Format, document: Document, depth: int, text: Decoded | None = None
    ) -> None:
        """Take what a format makes of a file; where it cannot go on, what it has made stays, and the rest is named."""
        before, size = len(self.items), 0
        self.scanned += not kind.is_archive
        try:
            for part in parts:
                if isinstance(part, Part):
                    size += len(part.content) + _OF_A_PART
                    if size > document.most and not kind.is_text:
                        reason = f"it makes more than {document.most} characters"
                        raise UnreadableError(reason, ReasonCode.TOO_LARGE)
                self._take(part, document, depth, text)
        except Exception as error:  # noqa: BLE001  a hostile file may make a parser do anything
            if not isinstance(error, UnreadableError):
                error = UnreadableError(f"{kind.what} that cannot be read", ReasonCode.DAMAGED)
            is_begun = len(self.items) > before
            self.scanned -= not (kind.is_archive or is_begun)
            self._skip(f"{document.name} (the rest)" if is_begun else document.name, str(error), error.code)
        if not kind.is_text:
            self._size += size

    def _take(self, part: Taken, document: Document, depth: int, text: Decoded | None) -> None:
        if isinstance(part, NotScanned):
            self._skip(_storable(part.name), part.reason, part.code)
        elif isinstance(part, Part):
            said = {key: _storable(value) if isinstance(value, str) else value for key, value in part.metadata.items()}
            self._add(document.name, Part(_storable(part.content), said), text)
        else:
            self._members += 1
            if self._members > MOST_MEMBERS:
                raise UnreadableError(f"more than {MOST_MEMBERS:,} files within one", ReasonCode.TOO_COMPLEX)
            self._scan(part, _storable(part.name), depth=depth + 1)

    def _check_characters(self, text: Decoded) -> None:
        if text.replaced and self._selection.errors == "strict":
            raise UnreadableError(f"{text.replaced} characters are not {text.encoding}", ReasonCode.ENCODING)

    def _name_unread_characters(self, name: str, text: Decoded) -> None:
        if text.replaced:
            reason = f"they are not {text.encoding} and were read as U+FFFD; the rest of the file was scanned"
            self._skip(f"{name} ({text.replaced} characters)", reason, ReasonCode.ENCODING)

    def _skip(self, name: str, reason: str, code: ReasonCode) -> None:
        self.not_scanned.append(NotScanned(name, reason, code).as_json())

    def _add(self, name: str, part: Part, text: Decoded | None) -> None:
        metadata: dict[str, Any] = {**self._said, "file_path": name}
        if text is not None:
            metadata["encoding"] = text.encoding
            if text.guessed:
                metadata["encoding_guessed"] = True
        self.items.append({"content": part.content, "metadata": {**metadata, **part.metadata}})


def _parts_of_text(kind: Format, document: Document) -> list[Taken]:
    """What is in a text of a format; nothing where it is none, or too large.

    Raises:
        NotTextError: it is no text at all.
    """
    if not kind.is_installed or (kind.most is not None and len(document.content) > kind.most):
        return []
    if kind.is_decoded and not document.text:
        return []
    try:
        return list(kind.reader()(document))
    except Exception:  # noqa: BLE001  whatever is wrong with it, it can be read as it is
        return []


def _storable(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can write and a message cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
