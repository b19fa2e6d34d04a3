"""The `filesystem` connector: files of a local folder or of a remote storage."""

from collections.abc import Iterator
from typing import Protocol

from waivern.addresses import shown_address
from waivern.components.connector import Connector
from waivern.components.outputs import check_output_schema
from waivern.connectors.filesystem.properties import FilesystemProperties
from waivern.files.patterns import PathFilter
from waivern.files.scanning import FileScan, Readable
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.not_scanned import NotScanned
from waivern.messages.schema import STANDARD_INPUT, Schema


class Location(Protocol):
    """Where the files are. `files` raises `ComponentError` if the root itself cannot be read."""

    def files(self, paths: PathFilter) -> Iterator[Readable | NotScanned]: ...


class FilesystemConnector(Connector):
    """Reads files; one item of the message is the text of one file, or of one part of it.

    File names are relative to the root, with "/". See `FileScan` for what is reported as not scanned. The content
    contains neither times nor absolute paths, so the same files give the same message in any location.

    Args:
        properties: The properties in the runbook.
        location: Where `properties.path` is.
    """

    def __init__(self, properties: FilesystemProperties, *, location: Location) -> None:
        self._properties = properties
        self._location = location

    @classmethod
    def get_name(cls) -> str:
        return "filesystem"

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [STANDARD_INPUT]

    def extract(self, output_schema: Schema) -> Message:
        check_output_schema(self, output_schema)
        selection = self._properties
        source = shown_address(selection.path)
        scan = FileScan(selection, source=source, connector_type="filesystem")
        paths = PathFilter.from_patterns(selection.include_patterns, selection.exclude_patterns)
        scan.read(self._location.files(paths))
        envelope = {"schemaVersion": "1.0.0", "name": "Files", "source": source, "metadata": scan.metadata()}
        return CompressedMessage("filesystem", envelope, "data", scan.items, STANDARD_INPUT)
