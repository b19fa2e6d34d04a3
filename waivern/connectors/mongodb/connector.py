"""The connector `mongodb`: documents of the collections of a database."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeVar

from waivern.components.connector import Connector
from waivern.components.outputs import check_output_schema
from waivern.connectors.mongodb.addresses import Server
from waivern.connectors.mongodb.reading import Item, ReadCollection, ReadLimits, read_collection
from waivern.errors import ComponentError
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.not_scanned import NotScanned, ReasonCode
from waivern.messages.sampled import sampled_entry
from waivern.messages.schema import STANDARD_INPUT, Schema

if TYPE_CHECKING:
    from pymongo.database import Database

T = TypeVar("T")
_SYSTEM_PREFIX = "system."
_VIEW = "a view: its data is scanned in its collections"
_ERROR_REASONS = {13: "its user has no permission to read it", 18: "authentication failed"}


@dataclass(frozen=True)
class Selection:
    """The shell patterns of the collections to read; an empty `include` means all."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


class MongodbConnector(Connector):
    """Reads documents; one item of the message is one value of one document.

    An item's metadata has `table` (the collection), `column` (the path of keys) and `row`: the document's id if it is
    a number, an ObjectId or a UUID, else its position in the collection, such as "#17". The message's metadata has
    `tables` (every collection that was read), `sampled` (collections of which a sample was read, and what it may have
    missed) and `not_scanned`.
    """

    def __init__(
        self, server: Server, database: str, selection: Selection, limits: ReadLimits, *, connect_timeout_s: int
    ) -> None:
        self._server = server
        self._database = database
        self._selection = selection
        self._limits = limits
        self._connect_timeout_s = connect_timeout_s
        self._source = f"{server.hosts}/{database}"

    @classmethod
    def get_name(cls) -> str:
        return "mongodb"

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [STANDARD_INPUT]

    def extract(self, output_schema: Schema) -> Message:
        check_output_schema(self, output_schema)
        items = CompressedItems()
        found = self._with_database(
            lambda database: [self._read(database, collection, items) for collection in self._collections(database)]
        )
        read = [result for result in found if isinstance(result, ReadCollection)]
        not_scanned = [result for result in found if isinstance(result, NotScanned)]
        not_scanned += [entry for collection in read for entry in collection.not_scanned()]
        envelope = {
            "schemaVersion": "1.0.0",
            "name": "Database",
            "source": self._source,
            "metadata": {
                "scanned": len(read),
                "not_scanned": [entry.as_json() for entry in not_scanned],
                "sampled": [
                    sampled_entry(collection.name, read=collection.read, total=collection.total)
                    for collection in read
                    if collection.read < collection.total
                ],
                "tables": [_description(collection) for collection in read],
            },
        }
        return CompressedMessage("mongodb", envelope, "data", items, STANDARD_INPUT)

    def _with_database(self, read: Callable[["Database[dict[str, Any]]"], T]) -> T:
        from bson.codec_options import DatetimeConversion
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        timeout_ms = self._connect_timeout_s * 1000
        try:
            with MongoClient[dict[str, Any]](
                **self._server.arguments,
                appname="waivern",
                serverSelectionTimeoutMS=timeout_ms,
                connectTimeoutMS=timeout_ms,
                tz_aware=True,
                datetime_conversion=DatetimeConversion.DATETIME_AUTO,
                unicode_decode_error_handler="replace",
            ) as client:
                return read(client[self._database])
        except PyMongoError as error:
            raise ComponentError(
                f"The database {self._source} cannot be read: {self._reason(error)}",
                remedy="Check the address, that the database exists, and that its user may read it",
            ) from None

    def _collections(self, database: "Database[dict[str, Any]]") -> Iterator[str | NotScanned]:
        listed = {
            collection["name"]: collection.get("type", "collection") for collection in database.list_collections()
        }
        if not listed:  # MongoDB treats a missing database as one without collections
            raise ComponentError(f"The database {self._source} has no collection", remedy="Correct `database`")
        unused = set(self._selection.include)
        for name in sorted(listed):
            included = [pattern for pattern in self._selection.include if fnmatchcase(name, pattern)]
            unused.difference_update(included)
            yield self._skip(name, listed[name], included=bool(included)) or name
        for pattern in self._selection.include:
            if pattern in unused:
                reason = "no collection matches this pattern of include_collections"
                yield NotScanned(pattern, reason, ReasonCode.NO_MATCH)

    def _skip(self, name: str, kind: str, *, included: bool) -> NotScanned | None:
        excluded = next((pattern for pattern in self._selection.exclude if fnmatchcase(name, pattern)), None)
        if name.startswith(_SYSTEM_PREFIX):
            return NotScanned(name, "a system collection", ReasonCode.SYSTEM)
        if excluded is not None:
            return NotScanned(name, f"excluded by the pattern {excluded}", ReasonCode.EXCLUDED)
        if self._selection.include and not included:
            return NotScanned(name, "not among include_collections", ReasonCode.NOT_INCLUDED)
        return NotScanned(name, _VIEW, ReasonCode.DUPLICATE) if kind == "view" else None

    def _read(
        self, database: "Database[dict[str, Any]]", collection: str | NotScanned, items: CompressedItems
    ) -> ReadCollection | NotScanned:
        """Read one collection. If it cannot be read, the others are still read; a lost connection is an error."""
        from pymongo.errors import OperationFailure

        if isinstance(collection, NotScanned):
            return collection
        try:
            read = read_collection(database[collection], self._limits, self._item)
        except OperationFailure as error:
            return NotScanned(collection, f"cannot be read: {self._reason(error)}", ReasonCode.UNREADABLE)
        items.extend(read.items)
        read.items = CompressedItems()
        return read

    def _item(self, text: str, *, table: str, column: str, row: str | None) -> Item:
        metadata = {"source": self._source, "connector_type": "mongodb", "table": table, "column": column}
        if row is not None:
            metadata["row"] = row
        return {"content": text, "metadata": metadata}

    def _reason(self, error: Exception) -> str:
        from pymongo.errors import ConnectionFailure

        if isinstance(error, ConnectionFailure):
            return "its server cannot be reached"
        reason = _ERROR_REASONS.get(getattr(error, "code", None) or 0)
        return reason or self._server.redact(str(error).partition(", full error:")[0])


def _description(read: ReadCollection) -> dict[str, Any]:
    columns = [{"name": path, "type": " | ".join(sorted(types))} for path, types in read.types.items()]
    return {"table": read.name, "columns": columns, "rows": read.total, "sampled": read.read}
