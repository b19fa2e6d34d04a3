"""The root over leaves is that of RFC 9162, and no two rows have one leaf."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.history.proof import MerkleTree, leaf_of

NOON = datetime(2026, 11, 25, 12, 0, 0, 5, tzinfo=UTC)


def root_as_the_rfc_defines_it(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = root_as_the_rfc_defines_it(leaves[:split]), root_as_the_rfc_defines_it(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_the_root_is_that_of_the_rfc_at_every_size(leaves: list[bytes]) -> None:
    tree = MerkleTree.of(leaves)
    assert (tree.size, tree.root) == (len(leaves), root_as_the_rfc_defines_it(leaves).hex())


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=40, unique=True), st.data())
def test_another_order_or_one_less_is_another_root(leaves: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(leaves) - 2))
    swapped = [*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]]
    roots = {MerkleTree.of(each).root for each in (leaves, swapped, leaves[:at] + leaves[at + 1 :])}
    assert len(roots) == 3


VALUES = st.none() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(st.sampled_from("abc"), VALUES), st.dictionaries(st.sampled_from("abc"), VALUES))
def test_rows_that_differ_have_different_leaves(one: dict[str, object], other: dict[str, object]) -> None:
    said = [{k: (type(v), v) for k, v in row.items() if v is not None} for row in (one, other)]
    texts_of_bytes = any(isinstance(value, bytes) for row in (one, other) for value in row.values())
    if said[0] == said[1]:
        assert leaf_of("t", one) == leaf_of("t", other)
    elif not texts_of_bytes:  # bytes are told as hexadecimal; no column holds now one, now the other
        assert leaf_of("t", one) != leaf_of("t", other)
    assert leaf_of("t", one) != leaf_of("u", one)


@pytest.mark.parametrize(
    "stored",
    [NOON, NOON.astimezone(timezone(timedelta(hours=5))), "2026-11-25 12:00:00.000005"],
    ids=["postgres", "another zone", "sqlite"],
)
def test_an_instant_is_the_same_whichever_database_holds_it(stored: object) -> None:
    assert leaf_of("t", {"at": stored}) == leaf_of("t", {"at": "2026-11-25T12:00:00.000005+00:00"})


def test_a_text_that_is_no_utf_8_has_a_leaf_of_its_own() -> None:
    assert leaf_of("t", {"a": b"\xff".decode("utf-8", "surrogateescape")}) != leaf_of("t", {"a": "ÿ"})
