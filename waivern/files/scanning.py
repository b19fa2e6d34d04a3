"""Turns files into the items of a message, and reports what was not scanned."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, cast

from waivern.files.decoding import DecodedText
from waivern.files.formats.model.document import Document, FormatError, Member, Part
from waivern.files.formats.registry import Format, check_installed, format_of
from waivern.files.parsers.parsing import FileLimits, parse
from waivern.files.parsers.wire import Text
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.files.walking import printable_name
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.not_scanned import NotScanned, ReasonCode

if TYPE_CHECKING:
    from waivern.files.selection import FileSelection

MAX_NESTING = 3
"""How many levels of archives and mails inside one another are read."""

MAX_MEMBERS = 10_000
"""Files inside one file, on all levels, and parts of it that cannot be read."""

MAX_NAME_LENGTH = 4_096
"""Characters of the name of a file inside another file; file systems allow no longer paths."""

_PART_OVERHEAD = 256
_Extract = Part | Member | NotScanned


class Readable(Protocol):
    """A file to read: `read` returns its bytes, or raises `UnreadableError`, `TooLargeError` if it is too large."""

    @property
    def name(self) -> str: ...
    def read(self, *, limit: int) -> bytes: ...


class FileScan:
    """Reads files within the limits of a selection.

    Plain text becomes one item per file; other formats are parsed, see `waivern.files.formats`. `scanned` counts the
    files that were read, including each file in archives and mails. `not_scanned` reports every other file, or the
    folder that was excluded as a whole. A file with some bytes that are invalid in its encoding is scanned, and also
    reported. A name is always that of a file, a folder, or a table in a file; the reason says which part of it.

    Args:
        selection: The limits.
        source: The `source` in the metadata of the items.
        connector_type: The `connector_type` in the metadata of the items.
    """

    def __init__(self, selection: "FileSelection", *, source: str, connector_type: str) -> None:
        self._selection = selection
        self._file_limits = FileLimits(selection.file_time_limit, selection.file_memory_limit)
        self._item_metadata = {"source": source, "connector_type": connector_type}
        self._size = 0
        self._members = 0
        self._is_full = False
        self.scanned = 0
        self.items = CompressedItems()
        self.not_scanned: list[dict[str, str]] = []

    def read(self, files: Iterable[Readable | NotScanned]) -> None:
        """Read the files in order."""
        for file in files:
            if isinstance(file, NotScanned):
                self._skip(printable_name(file.name), file.reason, file.code)
            else:
                self._members = 0
                self._scan(file, printable_name(file.name), depth=0)

    def metadata(self) -> dict[str, Any]:
        """Return the counts for a message's metadata."""
        return {"scanned": self.scanned, "not_scanned": self.not_scanned}

    def _scan(self, file: Readable, name: str, *, depth: int) -> None:
        limits = self._selection
        try:
            document = Document(name, self._content_of(file), limits.max_file_size, limits.encoding)
            self._size += len(document.content)
            format_ = format_of(document) if limits.formats == "auto" else None
            if format_ is not None and format_.has_members and depth >= MAX_NESTING:
                reason = f"{format_.description}, nested more than {MAX_NESTING} deep"
                raise UnreadableError(reason, ReasonCode.TOO_COMPLEX)
            if format_ is None:
                self._scan_plain_text(document)
            elif format_.is_archive:
                self._scan_archive(format_, document, depth)
            else:
                self._scan_parsed(format_, document, depth)
        except UnreadableError as error:
            self._skip(name, str(error), error.code)

    def _content_of(self, file: Readable) -> bytes:
        limits = self._selection
        if limits.max_files is not None and self.scanned >= limits.max_files:
            raise UnreadableError(f"beyond max_files ({limits.max_files})", ReasonCode.LIMIT_REACHED)
        reason = f"beyond max_total_size ({limits.max_total_size} bytes)"
        limit_reached = UnreadableError(reason, ReasonCode.LIMIT_REACHED)
        if self._is_full:
            raise limit_reached
        remaining = limits.max_total_size - self._size
        try:
            return file.read(limit=min(limits.max_file_size, remaining))
        except TooLargeError as error:
            if remaining >= limits.max_file_size:
                raise
            if error.size is not None and error.size > limits.max_file_size:
                raise TooLargeError(limits.max_file_size, error.size) from None
            self._is_full = True
            raise limit_reached from None

    def _scan_plain_text(self, document: Document, **metadata: str) -> None:
        text = document.decoded
        self._check_encoding(text)
        self._add(document.name, Part(text.text, metadata), text)
        self._report_invalid_characters(document.name, text)
        self.scanned += 1

    def _scan_parsed(self, format_: Format, document: Document, depth: int) -> None:
        """Parse a file; a text that does not follow its format or is too large is read as plain text."""
        if format_.is_text and not format_.accepts(len(document.content)):
            self._scan_plain_text(document, read_as="text")
            return
        check_installed(format_)
        extracts = parse(document, format_, self._file_limits)
        encoding: Text | None = None
        if format_.is_text:
            try:
                first = next(extracts)
            except FormatError:
                self._scan_plain_text(document, read_as="text")
                return
            assert isinstance(first, Text)
            encoding = first if first.encoding is not None else None
        if encoding is not None:
            self._check_encoding(encoding)
            self._report_invalid_characters(document.name, encoding)
        found = cast("Iterator[_Extract]", extracts)
        self._add_all(_ended(found) if format_.has_members else found, format_, document, depth, encoding)

    def _scan_archive(self, format_: Format, document: Document, depth: int) -> None:
        self._add_all(format_.reader()(document), format_, document, depth)

    def _add_all(
        self,
        extracts: Iterable[_Extract],
        format_: Format,
        document: Document,
        depth: int,
        encoding: Text | None = None,
    ) -> None:
        """Add what a format extracts from a file; if it fails, keep what it has extracted and report the rest."""
        items_before, size = len(self.items), 0
        self.scanned += not format_.is_archive
        try:
            for extract in extracts:
                if isinstance(extract, Part):
                    size += len(extract.content) + _PART_OVERHEAD
                    if size > document.limit and not format_.is_text:
                        reason = f"more than {document.limit} characters are extracted from it"
                        raise UnreadableError(reason, ReasonCode.TOO_LARGE)
                self._add_extract(extract, document, depth, encoding)
        except Exception as error:  # noqa: BLE001  a malicious file may make a parser raise anything
            if not isinstance(error, UnreadableError):
                error = UnreadableError(f"{format_.description} that cannot be read", ReasonCode.DAMAGED)
            has_items = len(self.items) > items_before
            self.scanned -= not (format_.is_archive or has_items)
            self._skip(
                document.name, f"only its beginning was scanned: {error}" if has_items else str(error), error.code
            )
        if not format_.is_text:
            self._size += size

    def _add_extract(self, extract: _Extract, document: Document, depth: int, encoding: Text | None) -> None:
        if isinstance(extract, Part):
            self._add(document.name, extract, encoding)
            return
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise UnreadableError(f"more than {MAX_MEMBERS:,} files within one", ReasonCode.TOO_COMPLEX)
        if isinstance(extract, NotScanned):
            self._skip(extract.name, extract.reason, extract.code)
        elif len(extract.name) > MAX_NAME_LENGTH:  # each part of the file repeats its name
            reason = f"its name has more than {MAX_NAME_LENGTH:,} characters"
            self._skip(f"{extract.name[:MAX_NAME_LENGTH]}...", reason, ReasonCode.TOO_COMPLEX)
        else:
            self._scan(extract, extract.name, depth=depth + 1)

    def _check_encoding(self, text: DecodedText | Text) -> None:
        if text.replaced and self._selection.errors == "strict":
            raise UnreadableError(f"{text.replaced} characters are not {text.encoding}", ReasonCode.ENCODING)

    def _report_invalid_characters(self, name: str, text: DecodedText | Text) -> None:
        if text.replaced:
            invalid = "1 character is" if text.replaced == 1 else f"{text.replaced} characters are"
            reason = f"{invalid} not {text.encoding}, read as U+FFFD; the rest of the file was scanned"
            self._skip(name, reason, ReasonCode.ENCODING)

    def _skip(self, name: str, reason: str, code: ReasonCode) -> None:
        self.not_scanned.append(NotScanned(name, reason, code).as_json())

    def _add(self, name: str, part: Part, text: DecodedText | Text | None) -> None:
        metadata: dict[str, Any] = {**self._item_metadata, "file_path": name}
        if text is not None:
            metadata["encoding"] = text.encoding
            if text.guessed:
                metadata["encoding_guessed"] = True
        self.items.append({"content": part.content, "metadata": {**metadata, **part.metadata}})


def _ended(extracts: Iterator[_Extract]) -> Iterator[_Extract]:
    """Yield the extracts once parsing has ended: the files among them are parsed by the same process."""
    found: list[_Extract] = []
    error: UnreadableError | None = None
    try:
        found.extend(extracts)
    except UnreadableError as raised:
        error = raised
    yield from found
    if error is not None:
        raise error
