"""One collection's values as the items of a message."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from waivern.connectors.mongodb.flattening import DEEPEST, Leaf, TooDeep, leaves_of
from waivern.connectors.mongodb.sampling import Placed, count, sample
from waivern.connectors.mongodb.values import NotTextError, as_text, is_shown, plain, type_of
from waivern.files.formats.columns import MOST_COLUMNS
from waivern.messages.not_scanned import NotScanned, ReasonCode
from waivern.messages.packed import PackedItems

if TYPE_CHECKING:
    from pymongo.collection import Collection

Item = dict[str, Any]
_REPLACED = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class HowMuch:
    """How much of a collection is read; see `properties.MongodbProperties`."""

    documents: int
    seed: int
    longest: int
    exclude_fields: Sequence[str] = ()


@dataclass
class ReadCollection:
    """What was read of one collection: `types` has the paths that were met, each with the types of its values."""

    name: str
    of: int
    read: int = 0
    items: PackedItems = field(default_factory=PackedItems)
    types: dict[str, set[str]] = field(default_factory=dict)
    unread: Counter[tuple[str, str, ReasonCode]] = field(default_factory=Counter)

    def left_out(self) -> Iterator[NotScanned]:
        for (path, reason, code), number in self.unread.items():
            name = f"{self.name}.{path}" if path else self.name
            yield NotScanned(name, f"{number} of the values that were read {reason}", code)


def read_collection(
    collection: "Collection[dict[str, Any]]", how_much: HowMuch, item: Callable[..., Item]
) -> ReadCollection:
    """Read a collection's documents, or a sample of them.

    Args:
        item: Makes an item of a text, a collection's name, a path and, unless None, a document's name.

    Raises:
        pymongo.errors.PyMongoError: the collection cannot be read.
    """
    read = ReadCollection(collection.name, count(collection))
    reader = _Reader(read, how_much, item)
    for each in sample(collection, of=read.of, at_most=how_much.documents, seed=f"{how_much.seed} {read.name}"):
        read.read += 1
        reader.take(each)
    reader.end()
    return read


class _Reader:
    def __init__(self, read: ReadCollection, how_much: HowMuch, item: Callable[..., Item]) -> None:
        self._read = read
        self._how_much = how_much
        self._item = item
        self._excluded: dict[str, str | None] = {}
        self._with_text: set[str] = set()

    def take(self, placed: Placed) -> None:
        identity = plain(placed.document.get("_id"))
        row = str(identity) if is_shown(identity) else f"#{placed.place}"
        for leaf in leaves_of(placed.document):
            if isinstance(leaf, TooDeep):
                self._read.unread[leaf.path, f"lie more than {DEEPEST} deep", ReasonCode.TOO_COMPLEX] += 1
            elif self._is_wanted(leaf):
                self._take(leaf, row)

    def end(self) -> None:
        """A field without any text has one item that has none, so that its name is analysed too."""
        for path in self._read.types:
            if path not in self._with_text:
                self._read.items.append(self._item("", table=self._read.name, column=path, row=None))

    def _is_wanted(self, leaf: Leaf) -> bool:
        types = self._read.types.get(leaf.path)
        if types is None:
            if len(self._read.types) >= MOST_COLUMNS:
                reason = f"stand under more than {MOST_COLUMNS:,} different paths"
                self._read.unread["", reason, ReasonCode.TOO_COMPLEX] += 1
                return False
            types = self._read.types[leaf.path] = set()
        types.add(type_of(leaf.value))
        excluded = self._excluding(leaf.path)
        if excluded is not None:
            self._read.unread[leaf.path, f"are excluded by the pattern {excluded}", ReasonCode.EXCLUDED] += 1
        return excluded is None

    def _take(self, leaf: Leaf, row: str) -> None:
        unread, longest = self._read.unread, self._how_much.longest
        try:
            text = as_text(leaf.value)
        except NotTextError:
            unread[leaf.path, "are binary data", ReasonCode.BINARY] += 1
            return
        if len(text) > longest:
            unread[leaf.path, f"were read only up to max_value_size ({longest})", ReasonCode.TRUNCATED] += 1
        if _REPLACED in text:
            unread[leaf.path, "have U+FFFD, which stands where bytes were no UTF-8", ReasonCode.ENCODING] += 1
        if text:
            self._with_text.add(leaf.path)
            self._read.items.append(self._item(text[:longest], table=self._read.name, column=leaf.path, row=row))

    def _excluding(self, path: str) -> str | None:
        if path not in self._excluded:
            names = (path, f"{self._read.name}.{path}")
            patterns = self._how_much.exclude_fields
            means = (each for each in patterns if any(fnmatchcase(name, each) for name in names))
            self._excluded[path] = next(means, None)
        return self._excluded[path]
