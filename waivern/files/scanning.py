"""From files to the items of a message, with a word on each that was not read."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from waivern.files.decoding import Decoded, NotTextError, decoded
from waivern.files.reading import UnreadableError, read_bytes
from waivern.files.walking import File, LeftOut, shown

if TYPE_CHECKING:
    from waivern.files.selection import FileSelection


class FileScan:
    """Reads files within the bounds of a selection; one item is one file.

    `scanned` counts the files that were read; `not_scanned` names every other one, or the folder that was left out with
    all that is in it, with the reason. A file of which some characters could not be read is scanned all the same and
    named there too, as "name (3 characters)".

    Args:
        selection: The bounds.
        source: What the items say that they are from.
        connector_type: Who read them.
    """

    def __init__(self, selection: "FileSelection", *, source: str, connector_type: str) -> None:
        self._selection = selection
        self._said = {"source": source, "connector_type": connector_type}
        self._size = 0
        self.scanned = 0
        self.items: list[dict[str, Any]] = []
        self.not_scanned: list[dict[str, str]] = []

    def read(self, found: Iterable[File | LeftOut]) -> None:
        """Read what was found, in its order."""
        for what, read in self._read(found):
            if isinstance(read, LeftOut):
                self.not_scanned.append({"what": read.what, "why": read.why})
                continue
            self.items.append(self._item(what, read))
            if read.replaced:
                self.not_scanned.append(_unread_characters(what, read))

    def metadata(self) -> dict[str, Any]:
        """Return what a message says of the scan."""
        return {"scanned": self.scanned, "not_scanned": self.not_scanned}

    def _read(self, found: Iterable[File | LeftOut]) -> Iterator[tuple[str, Decoded | LeftOut]]:
        for each in found:
            if isinstance(each, LeftOut):
                yield each.what, LeftOut(shown(each.what), each.why)
                continue
            name = shown(each.name)
            try:
                text, length = self._text_of(each)
            except (UnreadableError, NotTextError) as why:
                yield name, LeftOut(name, str(why))
                continue
            self.scanned += 1
            self._size += length
            yield name, text

    def _text_of(self, file: File) -> tuple[Decoded, int]:
        limits = self._selection
        if limits.max_files is not None and self.scanned >= limits.max_files:
            raise UnreadableError(f"beyond max_files ({limits.max_files})")
        content = read_bytes(file.path, limit=limits.max_file_size)
        if self._size + len(content) > limits.max_total_size:
            raise UnreadableError(f"beyond max_total_size ({limits.max_total_size} bytes)")
        text = decoded(content, encoding=limits.encoding)
        if text.replaced and limits.errors == "strict":
            raise UnreadableError(f"{text.replaced} characters are not {text.encoding}")
        return text, len(content)

    def _item(self, name: str, file: Decoded) -> dict[str, Any]:
        metadata: dict[str, Any] = {**self._said, "file_path": name, "encoding": file.encoding}
        if file.guessed:
            metadata["encoding_guessed"] = True
        return {"content": file.text, "metadata": metadata}


def _unread_characters(name: str, file: Decoded) -> dict[str, str]:
    return {
        "what": f"{name} ({file.replaced} characters)",
        "why": f"they are not {file.encoding} and were read as U+FFFD; the rest of the file was scanned",
    }
