"""The `filesystem` connector: the files of a folder, of this machine or of a storage."""

from collections.abc import Iterator
from typing import Protocol

from waivern.components.connector import Connector
from waivern.components.outputs import check_makes
from waivern.connectors.filesystem.properties import FilesystemProperties
from waivern.files.addresses import without_login
from waivern.files.patterns import Choice
from waivern.files.scanning import FileScan, Readable
from waivern.messages.message import Message
from waivern.messages.not_scanned import NotScanned
from waivern.messages.packed import PackedMessage
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")


class Place(Protocol):
    """Where files are; the root itself must be readable, or `found` raises `ComponentError`."""

    def found(self, choice: Choice) -> Iterator[Readable | NotScanned]: ...


class FilesystemConnector(Connector):
    """Reads files; one item of the message is the text of one file, or of one part of it.

    Names are relative to the root, with "/"; what was left out is named as `FileScan` says. The content holds neither
    times nor absolute paths: the same files give the same message wherever they lie.

    Args:
        properties: What the runbook says.
        place: Where `properties.path` is.
    """

    def __init__(self, properties: FilesystemProperties, *, place: Place) -> None:
        self._properties = properties
        self._place = place

    @classmethod
    def get_name(cls) -> str:
        return "filesystem"

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [STANDARD_INPUT]

    def extract(self, output_schema: Schema) -> Message:
        check_makes(self, output_schema)
        selection = self._properties
        source = without_login(selection.path)
        scan = FileScan(selection, source=source, connector_type="filesystem")
        scan.read(self._place.found(Choice.of(selection.include_patterns, selection.exclude_patterns)))
        around = {"schemaVersion": "1.0.0", "name": "Files", "source": source, "metadata": scan.metadata()}
        return PackedMessage("filesystem", around, "data", scan.items, STANDARD_INPUT)
