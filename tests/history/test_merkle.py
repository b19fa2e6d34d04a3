"""Merkle roots follow RFC 9162, and different rows have different leaves."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.history.merkle import MerkleTree, leaf_hash

NOON = datetime(2026, 11, 25, 12, 0, 0, 5, tzinfo=UTC)


def reference_root(leaves: list[bytes]) -> bytes:
    """The recursive definition of RFC 9162, section 2.1.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = reference_root(leaves[:split]), reference_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_the_root_matches_the_definition_of_the_rfc_at_every_size(leaves: list[bytes]) -> None:
    tree = MerkleTree.of(leaves)
    assert (tree.size, tree.root) == (len(leaves), reference_root(leaves).hex())


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=40, unique=True), st.data())
def test_swapping_or_removing_a_leaf_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(leaves) - 2))
    swapped = [*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]]
    roots = {MerkleTree.of(changed).root for changed in (leaves, swapped, leaves[:at] + leaves[at + 1 :])}
    assert len(roots) == 3


VALUES = st.none() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(st.sampled_from("abc"), VALUES), st.dictionaries(st.sampled_from("abc"), VALUES))
def test_rows_that_differ_have_different_leaves(one: dict[str, object], other: dict[str, object]) -> None:
    typed = [{k: (type(v), v) for k, v in row.items() if v is not None} for row in (one, other)]
    texts_of_bytes = any(isinstance(value, bytes) for row in (one, other) for value in row.values())
    if typed[0] == typed[1]:
        assert leaf_hash("t", one) == leaf_hash("t", other)
    elif not texts_of_bytes:  # bytes are hashed as hexadecimal; no column holds both texts and bytes
        assert leaf_hash("t", one) != leaf_hash("t", other)
    assert leaf_hash("t", one) != leaf_hash("u", one)


@pytest.mark.parametrize(
    "stored",
    [NOON, NOON.astimezone(timezone(timedelta(hours=5))), "2026-11-25 12:00:00.000005"],
    ids=["postgres", "another zone", "sqlite"],
)
def test_a_time_has_the_same_leaf_on_every_database(stored: object) -> None:
    assert leaf_hash("t", {"at": stored}) == leaf_hash("t", {"at": "2026-11-25T12:00:00.000005+00:00"})


def test_a_text_that_is_not_utf_8_has_a_leaf_of_its_own() -> None:
    assert leaf_hash("t", {"a": b"\xff".decode("utf-8", "surrogateescape")}) != leaf_hash("t", {"a": "ÿ"})
