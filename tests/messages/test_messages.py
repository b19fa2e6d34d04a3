"""Messages, their schemas, and merging."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern import Message, MessageError, Schema, SchemaNotFoundError
from waivern.messages.canonical import canonical_bytes, content_of, decode_items, digest_of
from waivern.messages.canonical_form import CanonicalForm
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.overview import Overview, overview_of
from waivern.messages.parts import Manifest, PartSizes
from waivern.messages.validation import check_message
from waivern.runs.merging import concatenated, merged_by_schema

TEXT = Schema("standard_input", "1.0.0")
FINDINGS = Schema("personal_data_indicator", "1.0.0")

texts = st.text(st.characters(codec="utf-8"), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
contents = st.dictionaries(texts, json_values, max_size=5)


def text(*items: str, **metadata: Any) -> Message:
    data = [{"content": item, "metadata": {"source": "s", "connector_type": "c"}} for item in items]
    content: dict[str, Any] = {"schemaVersion": "1.0.0", "name": items[0] if items else "", "source": "s", "data": data}
    return Message("", content | ({"metadata": metadata} if metadata else {}), TEXT)


def test_a_schema_name_round_trips() -> None:
    assert Schema.parse("standard_input/1.0.0") == TEXT
    assert str(TEXT) == "standard_input/1.0.0"


@pytest.mark.parametrize("wrong", ["standard_input", "standard_input/1", "/1.0.0", "a b/1.0.0", "a/1.0.0/x", ""])
def test_an_invalid_schema_name_is_rejected(wrong: str) -> None:
    with pytest.raises(MessageError, match="Write it as name/1.0.0"):
        Schema.parse(wrong)


@given(contents)
def test_content_round_trips_through_canonical_bytes(content: dict[str, Any]) -> None:
    assert content_of(canonical_bytes(content)) == content


TINY = PartSizes(unit=16, item=24, maximum=40)


@given(contents, st.lists(json_values, max_size=9), st.sampled_from(["data", "a", "findings"]))
def test_the_form_of_a_content_yields_its_canonical_bytes(content: dict[str, Any], items: list[Any], key: str) -> None:
    content[key] = items
    form, canonical = CanonicalForm(content, whole_bytes=30, sizes=TINY), canonical_bytes(content)
    assert b"".join(form) == canonical
    assert form.size == len(canonical)


@given(contents, st.lists(json_values, min_size=1, max_size=9))
def test_small_content_has_the_digest_of_its_bytes_and_large_content_that_of_its_manifest(
    content: dict[str, Any], items: list[Any]
) -> None:
    content["data"] = items
    form = CanonicalForm(content, whole_bytes=30, sizes=TINY)
    if form.whole is not None:
        assert (form.whole, form.digest) == (canonical_bytes(content), digest_of(canonical_bytes(content)))
        return
    assert form.parts is not None
    manifest = form.parts.manifest
    assert form.digest == digest_of(manifest.encode())
    assert Manifest.decode(manifest.encode()) == manifest
    assert [part.digest for part in manifest.parts] == [digest_of(array) for array in form.parts.items.arrays()]
    assert content[manifest.key] == [item for array in form.parts.items.arrays() for item in decode_items(array)]
    rest = {name: value for name, value in content.items() if name != manifest.key}
    assert content_of(form.parts.envelope) == rest
    assert manifest.envelope.digest == digest_of(canonical_bytes(rest))


def test_encoding_does_not_enlarge_a_long_text_in_memory():
    text = "“" + "a" * 10_000
    alone = sys.getsizeof(text)
    form = CanonicalForm({"data": [{"content": text, "metadata": {}}] * 3}, whole_bytes=1_000)
    assert b"".join(form) == canonical_bytes({"data": [{"content": text[:1] + text[1:], "metadata": {}}] * 3})
    assert sys.getsizeof(text) == alone


@given(contents, st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_keys(content: dict[str, Any], chance: Any) -> None:
    keys = list(content)
    chance.shuffle(keys)
    shuffled = {key: content[key] for key in keys}
    assert digest_of(canonical_bytes(shuffled)) == digest_of(canonical_bytes(content))


@pytest.mark.parametrize("content", [{"a": object()}, {"a": "\udcff"}, {1: {2: object()}}])
def test_content_that_is_not_json_is_an_error(content: dict[str, Any]) -> None:
    with pytest.raises(MessageError, match="not JSON"):
        canonical_bytes(content)


def test_the_shipped_schemas_are_known_and_name_their_items() -> None:
    catalogue = schema_catalogue()
    assert {TEXT, FINDINGS, Schema("source_code", "1.0.0")} <= set(catalogue.known())
    assert catalogue.items_key(TEXT) == "data"
    assert catalogue.items_key(FINDINGS) == "findings"
    assert catalogue.items_key(Schema("unheard_of", "1.0.0")) is None


def test_an_unknown_schema_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(SchemaNotFoundError, match="Did you mean 'standard_input/1.0.0'"):
        schema_catalogue().json_schema(Schema("standard_inputs", "1.0.0"))


def test_a_message_that_matches_its_schema_passes() -> None:
    check_message(text("a"))
    check_message(Message("", {"whatever": 1}, Schema("unheard_of", "1.0.0")))


def test_an_invalid_message_is_an_error_with_locations_and_without_values() -> None:
    wrong = Message("", {**text("a").content, "data": [{"content": 5, "metadata": {"source": "secret"}}]}, TEXT)
    with pytest.raises(MessageError) as caught:
        check_message(wrong)
    assert "data/0/content violates" in str(caught.value)
    assert 'data/0/metadata: "connector_type" is a required property' in str(caught.value)
    assert "secret" not in str(caught.value)


def test_merging_keeps_the_first_envelope_and_the_order_of_items() -> None:
    merged = concatenated([text("a", "b"), text("c")])
    assert merged.content["name"] == "a"
    assert [item["content"] for item in merged.content["data"]] == ["a", "b", "c"]


def test_merging_sums_counts_and_concatenates_what_was_not_scanned() -> None:
    one = text("a", scanned=1, not_scanned=[{"name": "x", "reason": "binary"}])
    other = text("b", scanned=2, not_scanned=[{"name": "y", "reason": "too large"}])
    merged = concatenated([one, text("c"), other]).content["metadata"]
    assert merged["scanned"] == 3
    assert [omission["name"] for omission in merged["not_scanned"]] == ["x", "y"]


def test_merging_findings_sums_their_summary() -> None:
    def found(**by_category: int) -> Message:
        summary = {"total_findings": sum(by_category.values()), "by_category": by_category}
        return Message("", {"findings": [], "summary": summary, "analysis_metadata": {}}, FINDINGS)

    merged = concatenated([found(email=2), found(email=1, phone=4)])
    assert merged.content["summary"] == {"total_findings": 7, "by_category": {"email": 3, "phone": 4}}


def test_merging_changes_none_of_the_messages_it_merges() -> None:
    one, other = text("a", scanned=1), text("b", scanned=2)
    before = canonical_bytes(one.content), canonical_bytes(other.content)
    concatenated([one, other])
    assert (canonical_bytes(one.content), canonical_bytes(other.content)) == before


def test_messages_without_a_list_in_common_cannot_be_merged() -> None:
    schema = Schema("unheard_of", "1.0.0")
    with pytest.raises(MessageError, match="no list in common"):
        concatenated([Message("", {"a": [1]}, schema), Message("", {"b": [1]}, schema)])


def test_an_analyser_of_two_schemas_receives_one_merged_message_per_schema_in_order() -> None:
    findings = Message("", {"findings": [], "summary": {}, "analysis_metadata": {}}, FINDINGS)
    merged = merged_by_schema([text("a"), findings, text("b")], [FINDINGS, TEXT])
    assert [message.schema for message in merged] == [FINDINGS, TEXT]
    assert len(merged[1].content["data"]) == 2


def test_an_overview_has_the_counts_of_a_message() -> None:
    omissions = [{"what": f"file {number}", "why": "binary"} for number in range(7)]
    overview = overview_of(text("a", "b", not_scanned=omissions))
    assert overview is not None
    assert (overview.items, overview.not_scanned) == (2, 7)
    assert overview.not_scanned_examples == omissions[:5]
    assert Overview.from_json(overview.as_json()) == overview
    assert overview_of(Message("", {"data": []}, Schema("unheard_of", "1.0.0"))) is None
