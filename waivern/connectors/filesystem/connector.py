"""The `filesystem` connector: the text files of a folder."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from waivern.components.connector import Connector
from waivern.connectors.filesystem.decoding import Decoded, NotTextError, decoded
from waivern.connectors.filesystem.patterns import Patterns
from waivern.connectors.filesystem.properties import FilesystemProperties
from waivern.connectors.filesystem.reading import UnreadableError, read_bytes
from waivern.connectors.filesystem.walking import File, LeftOut, Walk, shown
from waivern.errors import ComponentError, MessageError
from waivern.messages.message import Message
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
_REMEDY = "Correct `path`; a relative one is meant from the runbook's folder, or from --working-dir"


class FilesystemConnector(Connector):
    """Reads text files; one item of the message is one file.

    `metadata.scanned` counts the files that were read; `metadata.not_scanned` names every other one, or the folder
    that was left out with all that is in it, with the reason. Names are relative to the root, with "/". A file of
    which some characters could not be read is scanned all the same and named there too, as "name (3 characters)". The
    content holds neither times nor absolute paths: the same files give the same message wherever they lie.

    Args:
        properties: What the runbook says.
        root: Where `properties.path` is.
    """

    def __init__(self, properties: FilesystemProperties, *, root: Path) -> None:
        self._properties = properties
        self._root = root
        self._include = Patterns(properties.include_patterns)
        self._exclude = Patterns(properties.exclude_patterns)

    @classmethod
    def get_name(cls) -> str:
        return "filesystem"

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [STANDARD_INPUT]

    def extract(self, output_schema: Schema) -> Message:
        if output_schema != STANDARD_INPUT:
            raise MessageError(f"'filesystem' does not make {output_schema}", remedy=f"It makes {STANDARD_INPUT}")
        items: list[dict[str, Any]] = []
        not_scanned: list[dict[str, str]] = []
        for what, found in self._read(self._found()):
            if isinstance(found, LeftOut):
                not_scanned.append({"what": found.what, "why": found.why})
                continue
            items.append(self._item(what, found))
            if found.replaced:
                not_scanned.append(_unread_characters(what, found))
        content = {
            "schemaVersion": "1.0.0",
            "name": "Files",
            "source": self._properties.path,
            "metadata": {"scanned": len(items), "not_scanned": not_scanned},
            "data": items,
        }
        return Message(id="filesystem", content=content, schema=STANDARD_INPUT)

    def _found(self) -> Iterator[File | LeftOut]:
        """What there is below the root; the root itself must be readable."""
        written = self._properties.path
        try:
            mode = self._root.stat().st_mode
            if stat.S_ISDIR(mode):
                yield from Walk(str(self._root), self._include, self._exclude)
            elif stat.S_ISREG(mode):
                only = File(self._root.name, str(self._root.resolve()))
                yield Walk(str(self._root.parent), self._include, self._exclude).only(only)
            else:
                raise ComponentError(f"The path '{written}' is neither a file nor a folder", remedy=_REMEDY)
        except FileNotFoundError:
            raise ComponentError(f"The path '{written}' does not exist", remedy=_REMEDY) from None
        except OSError as error:
            raise ComponentError(
                f"The path '{written}' cannot be read: {error.strerror}", remedy="Let the user who scans read it"
            ) from None

    def _read(self, found: Iterator[File | LeftOut]) -> Iterator[tuple[str, Decoded | LeftOut]]:
        files, size = 0, 0
        for each in found:
            if isinstance(each, LeftOut):
                yield each.what, LeftOut(shown(each.what), each.why)
                continue
            name = shown(each.name)
            try:
                text, length = self._text_of(each, files=files, size=size)
            except (UnreadableError, NotTextError) as why:
                yield name, LeftOut(name, str(why))
                continue
            files, size = files + 1, size + length
            yield name, text

    def _text_of(self, file: File, *, files: int, size: int) -> tuple[Decoded, int]:
        limits = self._properties
        if limits.max_files is not None and files >= limits.max_files:
            raise UnreadableError(f"beyond max_files ({limits.max_files})")
        content = read_bytes(file.path, limit=limits.max_file_size)
        if size + len(content) > limits.max_total_size:
            raise UnreadableError(f"beyond max_total_size ({limits.max_total_size} bytes)")
        text = decoded(content, encoding=limits.encoding)
        if text.replaced and limits.errors == "strict":
            raise UnreadableError(f"{text.replaced} characters are not {text.encoding}")
        return text, len(content)

    def _item(self, name: str, file: Decoded) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "source": self._properties.path,
            "connector_type": "filesystem",
            "file_path": name,
            "encoding": file.encoding,
        }
        if file.guessed:
            metadata["encoding_guessed"] = True
        return {"content": file.text, "metadata": metadata}


def _unread_characters(name: str, file: Decoded) -> dict[str, str]:
    return {
        "what": f"{name} ({file.replaced} characters)",
        "why": f"they are not {file.encoding} and were read as U+FFFD; the rest of the file was scanned",
    }
