"""The texts and paths of the values of a document."""

import datetime
import math
import uuid
from typing import Any

import pytest
from bson import BSON, Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from hypothesis import given
from hypothesis import strategies as st

from waivern.connectors.mongodb.addresses import database_in, server_at_uri, uri_error
from waivern.connectors.mongodb.flattening import MAX_DEPTH, Leaf, TooDeep, leaves_of
from waivern.connectors.mongodb.values import as_text, is_safe_to_show, type_of, uuid_if_binary
from waivern.files.decoding import NotTextError

NOON = datetime.datetime(2020, 1, 2, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        ("Anna", "Anna", "string"),
        ("a\0b", "a\0b", "string"),
        (None, "", "null"),
        (True, "true", "bool"),
        (42, "42", "int"),
        (Int64(2**60), "1152921504606846976", "int"),
        (47.0, "47", "double"),
        (0.1, "0.1", "double"),
        (math.inf, "inf", "double"),
        (math.nan, "nan", "double"),
        (Decimal128("1.50"), "1.50", "decimal"),
        (Decimal128("1E+3"), "1000", "decimal"),
        (Decimal128("1E+6000"), "1E+6000", "decimal"),
        (Decimal128("NaN"), "NaN", "decimal"),
        (NOON, "2020-01-02T12:00:00+00:00", "date"),
        (Timestamp(NOON, 3), "2020-01-02T12:00:00+00:00", "timestamp"),
        (ObjectId("507f1f77bcf86cd799439011"), "507f1f77bcf86cd799439011", "objectId"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005", "binData"),
        (Regex("^a.*"), "^a.*", "regex"),
        (Code("f()"), "f()", "javascript"),
        (b"anna@example.org", "anna@example.org", "binData"),
        (MinKey(), "", "minKey"),
        (MaxKey(), "", "maxKey"),
    ],
)
def test_a_value_has_one_text_and_a_type(value: Any, text: str, kind: str) -> None:
    assert (as_text(value), type_of(value)) == (text, kind)


@pytest.mark.parametrize("value", [b"\x00", b"\xff\xfe", Binary(b"\x89PNG\x00", 5)])
def test_binary_values_have_no_text(value: bytes) -> None:
    with pytest.raises(NotTextError):
        as_text(value)


def test_a_uuid_is_distinguished_from_other_bytes() -> None:
    assert uuid_if_binary(Binary.from_uuid(uuid.UUID(int=5))) == uuid.UUID(int=5)
    assert uuid_if_binary(Binary(b"x" * 16)) == Binary(b"x" * 16)


def test_a_date_outside_of_the_calendar_is_read() -> None:
    options: CodecOptions[dict[str, Any]] = CodecOptions(
        tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
    )
    far = BSON.encode({"d": Int64(1 << 60)}).replace(b"\x12d\0", b"\x09d\0")
    value = BSON(far).decode(options)["d"]
    assert (as_text(value), type_of(value)) == (f"{1 << 60} ms", "date")


def test_only_numbers_and_random_ids_are_safe_to_show() -> None:
    assert all(is_safe_to_show(item) for item in (1, Int64(2), ObjectId(), uuid.UUID(int=5)))
    assert not any(is_safe_to_show(item) for item in ("anna@example.org", 1.5, {"email": "a"}, None, b"x"))


def test_references_are_documents() -> None:
    found = list(leaves_of({"owner": DBRef("people", 7, name="Anna")}))
    assert found == [Leaf("owner.$ref", "people"), Leaf("owner.$id", 7), Leaf("owner.name", "Anna")]


def test_empty_fields_keep_their_name_and_deep_ones_are_reported() -> None:
    assert list(leaves_of({"a": {}, "b": [], "c": [[]]})) == [Leaf("a", None), Leaf("b", None), Leaf("c[]", None)]
    deep: Any = "bottom"
    for _ in range(500):
        deep = {"a": deep}
    (found,) = leaves_of(deep)
    assert found == TooDeep(".".join(["a"] * MAX_DEPTH))


SCALARS = st.one_of(st.integers(), st.text(max_size=5), st.none(), st.booleans())
TREES = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("abcd"), below, max_size=3)
)


@given(st.dictionaries(st.sampled_from("abcd"), TREES, max_size=4))
def test_the_leaves_are_exactly_the_values_of_a_document(document: dict[str, Any]) -> None:
    def scalars(value: Any) -> list[Any]:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            return [scalar for item in value for scalar in scalars(item)] if value else [None]
        return [value]

    expected = scalars(document) if document else []
    assert [leaf.value for leaf in leaves_of(document) if isinstance(leaf, Leaf)] == expected


@pytest.mark.parametrize(
    ("uri", "hosts", "database"),
    [
        ("mongodb://localhost/shop", "localhost:27017", "shop"),
        ("mongodb://anna:p%40ss@a:1,b/shop?replicaSet=x", "a:1,b:27017", "shop"),
        ("mongodb+srv://anna:pw@cluster.example.org/?retryWrites=true", "cluster.example.org", None),
        ("mongodb://[::1]:5", "[::1]:5", None),
        ("mongodb://[::1]", "[::1]:27017", None),
    ],
)
def test_the_name_of_a_server_is_its_hosts(uri: str, hosts: str, database: str | None) -> None:
    assert uri_error(uri) is None
    assert (server_at_uri(uri).hosts, database_in(uri)) == (hosts, database)


def test_driver_messages_are_shown_without_the_password() -> None:
    server = server_at_uri("mongodb://anna:p%40ss@a/shop")
    assert (
        server.redact("bad auth for mongodb://anna:p%40ss@a/shop\n: p@ss p%40ss")
        == "bad auth for mongodb://a/shop : *** ***"
    )
    assert "p%40ss" not in repr(server)
