"""Reading the values of one collection as items of a message."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from waivern.connectors.mongodb.flattening import MAX_DEPTH, Leaf, TooDeep, leaves_of
from waivern.connectors.mongodb.sampling import SampledDocument, count, sample
from waivern.connectors.mongodb.values import as_text, is_safe_to_show, type_of, uuid_if_binary
from waivern.files.decoding import NotTextError
from waivern.files.formats.structured.key_paths import MAX_COLUMNS
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.not_scanned import NotScanned, ReasonCode

if TYPE_CHECKING:
    from pymongo.collection import Collection

Item = dict[str, Any]
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class ReadLimits:
    """How much of a collection is read; see `properties.MongodbProperties`."""

    sample_size: int
    seed: int
    max_value_size: int
    exclude_fields: Sequence[str] = ()


@dataclass
class ReadCollection:
    """What was read of one collection.

    Args:
        total: The number of its documents; `read` counts those that were read.
        types: The types of the values by path.
        unread: How many values were not scanned, by path, reason and code.
    """

    name: str
    total: int
    read: int = 0
    items: CompressedItems = field(default_factory=CompressedItems)
    types: dict[str, set[str]] = field(default_factory=dict)
    unread: Counter[tuple[str, str, ReasonCode]] = field(default_factory=Counter)

    def not_scanned(self) -> Iterator[NotScanned]:
        for (path, reason, code), number in self.unread.items():
            name = f"{self.name}.{path}" if path else self.name
            yield NotScanned(name, f"{number} of the values that were read {reason}", code)


def read_collection(
    collection: "Collection[dict[str, Any]]", limits: ReadLimits, make_item: Callable[..., Item]
) -> ReadCollection:
    """Read a collection's documents, or a sample of them.

    Args:
        make_item: Creates an item from a text, the name of the collection, a path and (unless None) a document's name.

    Raises:
        pymongo.errors.PyMongoError: the collection cannot be read.
    """
    read = ReadCollection(collection.name, count(collection))
    reader = _Reader(read, limits, make_item)
    seed = f"{limits.seed} {read.name}"
    for document in sample(collection, total=read.total, max_documents=limits.sample_size, seed=seed):
        read.read += 1
        reader.add(document)
    reader.add_fields_without_text()
    return read


class _Reader:
    def __init__(self, read: ReadCollection, limits: ReadLimits, make_item: Callable[..., Item]) -> None:
        self._read = read
        self._limits = limits
        self._make_item = make_item
        self._excluding_patterns: dict[str, str | None] = {}
        self._paths_with_text: set[str] = set()

    def add(self, sampled: SampledDocument) -> None:
        document_id = uuid_if_binary(sampled.document.get("_id"))
        row = str(document_id) if is_safe_to_show(document_id) else f"#{sampled.position}"
        for leaf in leaves_of(sampled.document):
            if isinstance(leaf, TooDeep):
                self._read.unread[leaf.path, f"are nested more than {MAX_DEPTH} deep", ReasonCode.TOO_COMPLEX] += 1
            elif self._is_selected(leaf):
                self._add_leaf(leaf, row)

    def add_fields_without_text(self) -> None:
        """Add an item without text for each field that has none, so that its name is analysed too."""
        for path in self._read.types:
            if path not in self._paths_with_text:
                self._read.items.append(self._make_item("", table=self._read.name, column=path, row=None))

    def _is_selected(self, leaf: Leaf) -> bool:
        types = self._read.types.get(leaf.path)
        if types is None:
            if len(self._read.types) >= MAX_COLUMNS:
                reason = f"belong to more than {MAX_COLUMNS:,} different paths"
                self._read.unread["", reason, ReasonCode.TOO_COMPLEX] += 1
                return False
            types = self._read.types[leaf.path] = set()
        types.add(type_of(leaf.value))
        pattern = self._excluding_pattern(leaf.path)
        if pattern is not None:
            self._read.unread[leaf.path, f"are excluded by the pattern {pattern}", ReasonCode.EXCLUDED] += 1
        return pattern is None

    def _add_leaf(self, leaf: Leaf, row: str) -> None:
        unread, max_size = self._read.unread, self._limits.max_value_size
        try:
            text = as_text(leaf.value)
        except NotTextError:
            unread[leaf.path, "are binary data", ReasonCode.BINARY] += 1
            return
        if len(text) > max_size:
            unread[leaf.path, f"were read only up to max_value_size ({max_size})", ReasonCode.TRUNCATED] += 1
        if _REPLACEMENT in text:
            unread[leaf.path, "contain U+FFFD, which replaces bytes that are not UTF-8", ReasonCode.ENCODING] += 1
        if text:
            self._paths_with_text.add(leaf.path)
            item = self._make_item(text[:max_size], table=self._read.name, column=leaf.path, row=row)
            self._read.items.append(item)

    def _excluding_pattern(self, path: str) -> str | None:
        if path not in self._excluding_patterns:
            names = (path, f"{self._read.name}.{path}")
            matching = (
                pattern for pattern in self._limits.exclude_fields if any(fnmatchcase(name, pattern) for name in names)
            )
            self._excluding_patterns[path] = next(matching, None)
        return self._excluding_patterns[path]
