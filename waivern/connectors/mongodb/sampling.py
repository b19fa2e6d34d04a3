"""Which documents of a collection are read: all of a small one, a random sample of a large one.

Documents are numbered in the order of their ids, and as many places are drawn as are wanted, every set of them equally
likely; the same collection and seed give the same ones. The ids are read one after the other and not held, so that a
large collection costs a walk through its index. MongoDB's own `$sample` draws others each time.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bson

if TYPE_CHECKING:
    from pymongo.collection import Collection

Document = Mapping[str, Any]
_AT_ONCE = 100


@dataclass(frozen=True)
class Placed:
    """A document, and its place in the collection, from 1."""

    place: int
    document: Document


def count(collection: "Collection[dict[str, Any]]") -> int:
    """Return how many documents there are; they are counted, for what a server remembers of it may be off."""
    return collection.count_documents({})


def sample(collection: "Collection[dict[str, Any]]", *, of: int, at_most: int, seed: str) -> Iterator[Placed]:
    """Yield a collection's documents, or `at_most` of its `of` documents, in the order of their ids.

    One that is deleted meanwhile is not among them.
    """
    if of <= at_most:
        in_order = enumerate(collection.find({}).sort("_id", 1), start=1)
        yield from (Placed(place, document) for place, document in in_order)
        return
    drawing = random.Random(seed)  # noqa: S311  a sample is no secret
    drawn = _drawn(collection, frozenset(drawing.sample(range(1, of + 1), at_most)))
    while batch := [each for _, each in zip(range(_AT_ONCE), drawn, strict=False)]:
        yield from _fetched(collection, batch)


def _drawn(collection: "Collection[dict[str, Any]]", places: frozenset[int]) -> Iterator[tuple[int, Any]]:
    """The ids at some places, with their places."""
    last = max(places)
    for place, found in enumerate(collection.find({}, {"_id": 1}).sort("_id", 1), start=1):
        if place in places:
            yield place, found["_id"]
        if place == last:
            return


def _fetched(collection: "Collection[dict[str, Any]]", batch: Sequence[tuple[int, Any]]) -> Iterator[Placed]:
    wanted = [identity for _, identity in batch]
    found = {_key(document["_id"]): document for document in collection.find({"_id": {"$in": wanted}})}
    for place, identity in batch:
        document = found.get(_key(identity))
        if document is not None:
            yield Placed(place, document)


def _key(identity: Any) -> bytes:
    """An id as bytes: one that is a document is not hashable."""
    return bson.encode({"": identity})
