"""Borders of parts: a unit that is added, removed or changed affects only the parts next to it."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waivern.errors import MessageError
from waivern.messages.canonical import decode_items
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.parts import DEFAULT_SIZES, Manifest, Part

Unit = tuple[str, int, int]
"""A file: its name, the number of characters of its text, and a number that determines its text."""

units = st.lists(
    st.tuples(st.integers(0, 10**6).map(lambda number: f"{number}.txt"), st.integers(0, 60_000), st.integers(0, 9)),
    min_size=1,
    max_size=60,
    unique_by=lambda unit: unit[0],
)


def items_of(unit: Unit) -> list[dict[str, Any]]:
    """Return the file as one item, or as many if it is large."""
    name, length, seed = unit
    text = random.Random(f"{name} {seed}").randbytes(length // 2).hex()
    pieces = [text[start : start + 5_000] for start in range(0, len(text), 5_000)] if seed == 1 else [text]
    return [{"content": piece, "metadata": {"source": "s", "file_path": name}} for piece in pieces]


def parts_of(listed: list[Unit]) -> dict[str, int]:
    """Return {digest: number of units} of the parts."""
    items = CompressedItems(item for unit in listed for item in items_of(unit))
    return {
        part.digest: len({item["metadata"]["file_path"] for item in decode_items(array)})
        for part, array in zip(items.parts, items.arrays(), strict=True)
    }


@given(units, st.data())
@settings(max_examples=60, deadline=None)
def test_a_removed_unit_changes_the_part_of_its_neighbours_only(listed: list[Unit], data: Any) -> None:
    removed = data.draw(st.integers(0, len(listed) - 1))
    before, after = parts_of(listed), parts_of(listed[:removed] + listed[removed + 1 :])
    own_parts = -(-listed[removed][1] // (DEFAULT_SIZES.item // 2)) + 2
    assert len(after.keys() - before.keys()) <= 2
    assert len(before.keys() - after.keys()) <= own_parts


@given(units, st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_unit_of_about_the_same_size_changes_its_own_part_only(listed: list[Unit], data: Any) -> None:
    changed = data.draw(st.integers(0, len(listed) - 1))
    name, length, seed = listed[changed]
    new = [*listed[:changed], (name, length, 1 if seed == 1 else seed + 10), *listed[changed + 1 :]]
    assert len(parts_of(new).keys() - parts_of(listed).keys()) <= 1


def test_files_of_twenty_kilobytes_have_a_part_each_and_small_ones_share_parts() -> None:
    medium = [(f"{number}", 20_000, 0) for number in range(50)]
    small = [(f"{number}", 500, 0) for number in range(2_000)]
    assert set(parts_of(medium).values()) == {1}
    parts = parts_of(small)
    assert 15 <= len(parts) <= 150


def test_a_large_unit_is_cut_into_parts_that_a_change_at_its_end_leaves_alone() -> None:
    rows = [{"content": f"{number:08d}" * 20, "metadata": {"source": "s", "table": "t"}} for number in range(20_000)]
    before = CompressedItems(rows).parts
    assert len(before) > 3
    assert max(part.size for part in before) <= DEFAULT_SIZES.maximum + 1_000
    after = CompressedItems([*rows[:-1], {**rows[-1], "content": "changed"}]).parts
    assert [old.digest == new.digest for old, new in zip(before, after, strict=True)] == [True] * (len(before) - 1) + [
        False
    ]
    inserted = CompressedItems([rows[5], *rows]).parts
    assert len({part.digest for part in inserted} - {part.digest for part in before}) <= 2


def test_an_item_of_any_size_is_one_part() -> None:
    assert [part.items for part in CompressedItems([{"content": "x" * 3_000_000}, {"content": "y"}]).parts] == [1, 1]


def test_a_manifest_that_is_damaged_or_of_another_format_is_refused() -> None:
    encoded = Manifest("data", Part("a" * 64, 0, 2), [Part("b" * 64, 1, 9)]).encode()
    assert b"a" * 64 in encoded
    for wrong in (b"", b"{}", encoded[:-1], encoded.replace(b"b" * 64, b"../x"), encoded.replace(b"9", b"-9")):
        with pytest.raises(MessageError, match="cannot be read"):
            Manifest.decode(wrong)
    with pytest.raises(MessageError, match="format 2 instead of 1"):
        Manifest.decode(encoded.replace(b'"format":1', b'"format":2'))
