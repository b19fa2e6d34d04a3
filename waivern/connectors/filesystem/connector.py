"""The `filesystem` connector: the text files of a folder."""

import stat
from collections.abc import Iterator
from pathlib import Path

from waivern.components.connector import Connector
from waivern.connectors.filesystem.properties import FilesystemProperties
from waivern.errors import ComponentError, MessageError
from waivern.files.patterns import Patterns
from waivern.files.scanning import FileScan
from waivern.files.walking import File, LeftOut, Walk
from waivern.messages.message import Message
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
_REMEDY = "Correct `path`; a relative one is meant from the runbook's folder, or from --working-dir"


class FilesystemConnector(Connector):
    """Reads text files; one item of the message is one file.

    Names are relative to the root, with "/"; what was left out is named as `FileScan` says. The content holds neither
    times nor absolute paths: the same files give the same message wherever they lie.

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
        scan = FileScan(self._properties, source=self._properties.path, connector_type="filesystem")
        scan.read(self._found())
        content = {
            "schemaVersion": "1.0.0",
            "name": "Files",
            "source": self._properties.path,
            "metadata": scan.metadata(),
            "data": scan.items,
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
