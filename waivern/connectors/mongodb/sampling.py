"""Sampling a collection: all documents of a small one, a random sample of a large one.

Documents are numbered in the order of their ids, and random positions are drawn, so that every document is equally
likely. The same collection and seed give the same sample (MongoDB's `$sample` returns different documents each time).
The ids are streamed, so a large collection costs one pass through its index and no memory.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import bson

if TYPE_CHECKING:
    from pymongo.collection import Collection

Document = Mapping[str, Any]
_BATCH_SIZE = 100


@dataclass(frozen=True)
class SampledDocument:
    """A document, and its position in the collection, from 1."""

    position: int
    document: Document


def count(collection: "Collection[dict[str, Any]]") -> int:
    """Return the number of documents. They are counted, because the server's estimate may be wrong."""
    return collection.count_documents({})


def sample(
    collection: "Collection[dict[str, Any]]", *, total: int, max_documents: int, seed: str
) -> Iterator[SampledDocument]:
    """Yield a collection's documents, or `max_documents` of its `total` documents, in the order of their ids.

    A document that is deleted meanwhile is omitted.
    """
    if total <= max_documents:
        in_order = enumerate(collection.find({}).sort("_id", 1), start=1)
        yield from (SampledDocument(position, document) for position, document in in_order)
        return
    generator = random.Random(seed)  # noqa: S311  not used for security
    ids = _ids_at(collection, frozenset(generator.sample(range(1, total + 1), max_documents)))
    while batch := list(islice(ids, _BATCH_SIZE)):
        yield from _fetch(collection, batch)


def _ids_at(collection: "Collection[dict[str, Any]]", positions: frozenset[int]) -> Iterator[tuple[int, Any]]:
    last = max(positions)
    for position, found in enumerate(collection.find({}, {"_id": 1}).sort("_id", 1), start=1):
        if position in positions:
            yield position, found["_id"]
        if position == last:
            return


def _fetch(collection: "Collection[dict[str, Any]]", batch: Sequence[tuple[int, Any]]) -> Iterator[SampledDocument]:
    ids = [document_id for _, document_id in batch]
    found = {_key(document["_id"]): document for document in collection.find({"_id": {"$in": ids}})}
    for position, document_id in batch:
        document = found.get(_key(document_id))
        if document is not None:
            yield SampledDocument(position, document)


def _key(document_id: Any) -> bytes:
    """Return an id as bytes, because an id that is a document is not hashable."""
    return bson.encode({"": document_id})
