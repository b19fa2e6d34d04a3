"""Compressed messages: equal to other messages, including the digest, with few items in memory."""

import tempfile
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.messages.test_messages import TEXT, TINY, contents, json_values, text
from waivern import Message, MessageError, Schema
from waivern.messages.canonical import canonical_bytes, content_of, digest_of
from waivern.messages.canonical_form import CanonicalForm
from waivern.messages.compressed_items import CompressedItems, ConcatenatedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.frames import FrameBuffer
from waivern.messages.overview import overview_of
from waivern.messages.validation import check_message
from waivern.runbooks.variables.redaction import Redactor
from waivern.runs.merging import concatenated

ANY = Schema("any", "1.0.0")
lists = st.lists(json_values, max_size=9)


def compressed(content: dict[str, Any], items: list[Any]) -> CompressedMessage:
    around = {key: value for key, value in content.items() if key != "data"}
    return CompressedMessage("", around, "data", CompressedItems(items, sizes=TINY), ANY)


@given(contents, lists)
def test_a_compressed_message_equals_the_message_with_the_same_content(
    content: dict[str, Any], items: list[Any]
) -> None:
    content.pop("data", None)
    message, plain = compressed(content, items), Message("", {**content, "data": items}, ANY)
    assert message == plain
    assert plain == message
    assert message.content == plain.content
    assert list(message.items_of("data") or ()) == items
    assert [message.items_of(key) for key in content] == [plain.items_of(key) for key in content]
    assert message.envelope_without("data") == plain.envelope_without("data")


@given(contents, st.lists(json_values, min_size=6, max_size=9))
def test_its_form_is_that_of_the_message_with_the_same_content(content: dict[str, Any], items: list[Any]) -> None:
    around = {key: value for key, value in content.items() if key != "data"}
    plain = CanonicalForm({**around, "data": items}, whole_bytes=20, sizes=TINY)
    form = CanonicalForm.of_items(around, "data", CompressedItems(items, sizes=TINY), whole_bytes=20)
    assert b"".join(form) == b"".join(plain) == canonical_bytes({**around, "data": items})
    assert (form.digest, form.size) == (plain.digest, plain.size)


@given(lists)
def test_parts_can_be_read_one_by_one(items: list[Any]) -> None:
    packed = CompressedItems(items, sizes=TINY)
    unpacked = list(map(zstandard.ZstdDecompressor().decompress, packed.frames()))
    assert list(packed.arrays()) == unpacked
    assert [list(packed.arrays([position])) for position in range(len(packed.parts))] == [[part] for part in unpacked]
    assert [part.size for part in packed.parts] == list(map(len, unpacked))
    assert sum(part.items for part in packed.parts) == len(packed) == len(items)


@given(st.lists(lists, max_size=4), st.data())
def test_concatenated_items_are_those_of_all_lists_in_order(several: list[list[Any]], data: Any) -> None:
    joined = ConcatenatedItems([CompressedItems(items, sizes=TINY) for items in several])
    assert list(joined) == [item for items in several for item in items]
    assert len(joined) == sum(map(len, several))
    arrays, places = list(joined.arrays()), sorted(data.draw(st.sets(st.integers(0, len(joined.parts)))))
    chosen = [place for place in places if place < len(arrays)]
    assert list(joined.arrays(chosen)) == [arrays[place] for place in chosen]
    assert [part.digest for part in joined.parts] == list(map(digest_of, arrays))


def test_frames_beyond_the_memory_limit_are_read_from_an_unnamed_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    given_frames = [bytes([number]) * number for number in range(1, 100)]
    frames = FrameBuffer(given_frames, memory_limit=500)
    assert list(frames) == list(frames) == given_frames
    assert frames.memory_bytes <= 500
    assert list(tmp_path.iterdir()) == []


def test_the_unnamed_file_is_encrypted(monkeypatch):
    written: list[bytes] = []
    monkeypatch.setattr("os.pwrite", lambda _, frame, place: written.append(bytes(frame)) or len(frame))
    FrameBuffer([b"amelia.hart@example.com"], memory_limit=0)
    assert b"amelia" not in b"".join(written)


def test_a_full_disk_is_an_error_with_a_remedy(monkeypatch):
    def is_full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", is_full)
    with pytest.raises(MessageError, match=r"No space left on device.*TMPDIR"):
        FrameBuffer([b"a"], memory_limit=0)


def test_an_item_that_is_not_json_is_rejected_and_the_others_stay():
    items = CompressedItems([1])
    with pytest.raises(MessageError, match="not JSON"):
        items.append(object())
    items.append(2)
    assert list(items) == [1, 2]


def test_a_compressed_message_is_validated_and_summarised_like_any_other():
    plain = text("a", "b", "c", scanned=3)
    around = plain.envelope_without("data")
    message = CompressedMessage("", around, "data", CompressedItems(plain.content["data"]), TEXT)
    check_message(message)
    assert overview_of(message) == overview_of(plain)
    wrong = CompressedMessage("", around, "data", CompressedItems([*plain.content["data"], {"content": 5}]), TEXT)
    with pytest.raises(MessageError, match="data/3/content violates"):
        check_message(wrong)


def test_compressed_messages_are_merged_like_any_others():
    plain = [
        text("a", "b", scanned=1),
        text("c"),
        text("d", scanned=2, not_scanned=[{"name": "x", "reason": "binary"}]),
    ]
    large = [
        CompressedMessage(item.id, item.envelope_without("data"), "data", CompressedItems(item.content["data"]), TEXT)
        for item in plain
    ]
    assert concatenated(large) == concatenated([large[0], *plain[1:]]) == concatenated(plain)


def test_changes_to_decompressed_content_are_not_in_a_copy():
    message = compressed({"metadata": {"a": [1]}}, [{"b": 1}])
    message.content["metadata"]["a"].append(2)
    message.content["data"][0]["b"] = 2
    assert message.copy().content == {"metadata": {"a": [1]}, "data": [{"b": 1}]}


def test_secrets_are_redacted_in_compressed_messages():
    redactor = Redactor({"KEY": "correct horse"})
    message = compressed({"text": "by correct horse"}, [{"text": "a"}, {"text": "a correct horse"}])
    assert redactor.message(message) == compressed({"text": "by ${KEY}"}, [{"text": "a"}, {"text": "a ${KEY}"}])
    clean = compressed({}, [{"text": "a"}])
    assert redactor.message(clean) is clean


def test_the_envelope_is_converted_to_json_values():
    assert compressed({"pair": (1, 2)}, []).content == content_of(canonical_bytes({"pair": (1, 2), "data": []}))
