"""The connector `mongodb`: the documents of a database's collections."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeVar

from waivern.components.connector import Connector
from waivern.components.outputs import check_makes
from waivern.connectors.mongodb.addresses import Server
from waivern.connectors.mongodb.reading import HowMuch, Item, ReadCollection, read_collection
from waivern.errors import ComponentError
from waivern.messages.message import Message
from waivern.messages.not_scanned import NotScanned, ReasonCode
from waivern.messages.packed import PackedItems, PackedMessage
from waivern.messages.sampled import sampled
from waivern.messages.schema import Schema

if TYPE_CHECKING:
    from pymongo.database import Database

STANDARD_INPUT = Schema("standard_input", "1.0.0")
T = TypeVar("T")
_OF_THE_SYSTEM = "system."
_VIEW = "a view: what it shows is scanned in its collections"
_REFUSED = {13: "its user may not read it", 18: "it refuses the login"}


@dataclass(frozen=True)
class Selection:
    """Which collections are read, by patterns of a shell; no `include`: all."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


class MongodbConnector(Connector):
    """Reads documents; one item of the message is one value of one document.

    An item's metadata has `table`, the collection, `column`, the path of keys, and `row`: the document's id where that
    is a number, an ObjectId or a UUID, else its place in the collection, such as "#17". `metadata.tables` describes
    each collection that was read, `metadata.sampled` says of which only some documents were read and what that may have
    missed, and `metadata.not_scanned` what was left out.
    """

    def __init__(
        self, server: Server, database: str, selection: Selection, how_much: HowMuch, *, connect_timeout_s: int
    ) -> None:
        self._server = server
        self._database = database
        self._selection = selection
        self._how_much = how_much
        self._connect_timeout_s = connect_timeout_s
        self._source = f"{server.hosts}/{database}"

    @classmethod
    def get_name(cls) -> str:
        return "mongodb"

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [STANDARD_INPUT]

    def extract(self, output_schema: Schema) -> Message:
        check_makes(self, output_schema)
        items = PackedItems()
        found = self._reading(lambda database: [self._read(database, each, items) for each in self._judged(database)])
        read = [each for each in found if isinstance(each, ReadCollection)]
        left_out = [each for each in found if isinstance(each, NotScanned)]
        left_out += [each for collection in read for each in collection.left_out()]
        around = {
            "schemaVersion": "1.0.0",
            "name": "Database",
            "source": self._source,
            "metadata": {
                "scanned": len(read),
                "not_scanned": [each.as_json() for each in left_out],
                "sampled": [sampled(each.name, read=each.read, total=each.of) for each in read if each.read < each.of],
                "tables": [_description(each) for each in read],
            },
        }
        return PackedMessage("mongodb", around, "data", items, STANDARD_INPUT)

    def _reading(self, read: Callable[["Database[dict[str, Any]]"], T]) -> T:
        from bson.codec_options import DatetimeConversion
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        wait = self._connect_timeout_s * 1000
        try:
            with MongoClient[dict[str, Any]](
                **self._server.arguments,
                appname="waivern",
                serverSelectionTimeoutMS=wait,
                connectTimeoutMS=wait,
                tz_aware=True,
                datetime_conversion=DatetimeConversion.DATETIME_AUTO,
                unicode_decode_error_handler="replace",
            ) as client:
                return read(client[self._database])
        except PyMongoError as error:
            raise ComponentError(
                f"The database {self._source} cannot be read: {self._reason(error)}",
                remedy="Check that it is there, that the address names it, and that its user may read it",
            ) from None

    def _judged(self, database: "Database[dict[str, Any]]") -> Iterator[str | NotScanned]:
        listed = {each["name"]: each.get("type", "collection") for each in database.list_collections()}
        if not listed:  # to MongoDB, a database that is not there is one without collections
            raise ComponentError(f"The database {self._source} has no collection", remedy="Correct `database`")
        unused = set(self._selection.include)
        for name in sorted(listed):
            included = [each for each in self._selection.include if fnmatchcase(name, each)]
            unused.difference_update(included)
            yield self._why_not(name, listed[name], included=bool(included)) or name
        for pattern in self._selection.include:
            if pattern in unused:
                reason = "no collection has a name that this pattern of include_collections means"
                yield NotScanned(pattern, reason, ReasonCode.NO_MATCH)

    def _why_not(self, name: str, kind: str, *, included: bool) -> NotScanned | None:
        excluded = next((each for each in self._selection.exclude if fnmatchcase(name, each)), None)
        if name.startswith(_OF_THE_SYSTEM):
            return NotScanned(name, "a collection of the server's own", ReasonCode.SYSTEM)
        if excluded is not None:
            return NotScanned(name, f"excluded by the pattern {excluded}", ReasonCode.EXCLUDED)
        if self._selection.include and not included:
            return NotScanned(name, "not among include_collections", ReasonCode.NOT_INCLUDED)
        return NotScanned(name, _VIEW, ReasonCode.DUPLICATE) if kind == "view" else None

    def _read(
        self, database: "Database[dict[str, Any]]", found: str | NotScanned, items: PackedItems
    ) -> ReadCollection | NotScanned:
        """A collection that cannot be read takes no other one down, but a server that is lost does."""
        from pymongo.errors import OperationFailure

        if isinstance(found, NotScanned):
            return found
        try:
            read = read_collection(database[found], self._how_much, self._item)
        except OperationFailure as error:
            return NotScanned(found, f"cannot be read: {self._reason(error)}", ReasonCode.UNREADABLE)
        items.extend(read.items)
        read.items = PackedItems()
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
        refused = _REFUSED.get(getattr(error, "code", None) or 0)
        return refused or self._server.shown(str(error).partition(", full error:")[0])


def _description(read: ReadCollection) -> dict[str, Any]:
    columns = [{"name": path, "type": " | ".join(sorted(types))} for path, types in read.types.items()]
    return {"table": read.name, "columns": columns, "rows": read.of, "sampled": read.read}
