"""Compressed messages: equal to other messages, including the digest, with few items in memory."""

import tempfile
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.messages.test_messages import TEXT, contents, json_values, text
from waivern import Message, MessageError, Schema
from waivern.messages.canonical import canonical_bytes, content_of, digest_of
from waivern.messages.compressed_items import CompressedItems, CompressedMessage, ConcatenatedItems
from waivern.messages.frames import FrameBuffer, InnerFrames
from waivern.messages.overview import overview_of
from waivern.messages.validation import check_message
from waivern.runbooks.variables.redaction import Redactor
from waivern.runs.merging import concatenated

ANY = Schema("any", "1.0.0")
lists = st.lists(json_values, max_size=9)


def compressed(content: dict[str, Any], items: list[Any], *, part_bytes: int = 16) -> CompressedMessage:
    around = {key: value for key, value in content.items() if key != "data"}
    return CompressedMessage("", around, "data", CompressedItems(items, part_bytes=part_bytes), ANY)


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


@given(contents, lists)
def test_its_digest_and_bytes_equal_those_of_the_message_with_the_same_content(
    content: dict[str, Any], items: list[Any]
) -> None:
    form, canonical = compressed(content, items).canonical_form(), canonical_bytes({**content, "data": items})
    unpacked = map(zstandard.ZstdDecompressor().decompress, form.frames())
    assert (form.digest, form.size) == (digest_of(canonical), len(canonical))
    assert b"".join(form) == b"".join(unpacked) == canonical


@given(st.lists(lists, max_size=4))
def test_concatenated_items_are_those_of_all_lists_in_order(several: list[list[Any]]) -> None:
    joined = ConcatenatedItems([CompressedItems(items, part_bytes=16) for items in several])
    items = [item for items in several for item in items]
    assert list(joined) == items
    assert len(joined) == len(items)
    assert b"".join(joined.parts()) == canonical_bytes(items)[1:-1]
    assert b"".join(map(zstandard.ZstdDecompressor().decompress, joined.frames())) == canonical_bytes(items)[1:-1]


@given(lists)
@settings(max_examples=10)
def test_the_items_of_a_large_message_can_be_read_from_its_compressed_parts(items: list[Any]) -> None:
    around = {"long": "x" * 3_000_000}
    frames = compressed(around, items).canonical_form().frames()
    found = CompressedItems.from_frames(InnerFrames(FrameBuffer(frames)))
    assert list(found) == items
    assert len(found) == len(items)


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
    message = CompressedMessage("", around, "data", CompressedItems(plain.content["data"], part_bytes=16), TEXT)
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
