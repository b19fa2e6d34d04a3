"""What is merged into what, by the keywords of a JSON Schema."""

from typing import Any

import pytest

from waivern import Message, Schema
from waivern.errors import MessageError
from waivern.runs import merging
from waivern.runs.merging import concatenated, merged_by_schema

KNOWN, UNKNOWN = Schema("known", "1.0.0"), Schema("unknown", "1.0.0")


class Catalogue:
    """A catalogue of one schema: its items, and what else is merged."""

    RULES = {"/meta/count": "sum", "/meta/by_kind": "sum", "/gaps": "concatenate", "/meta/deep/gaps": "concatenate"}  # noqa: RUF012

    def items_key(self, schema: Schema) -> str | None:
        return "items" if schema == KNOWN else None

    def merge_rules(self, schema: Schema) -> dict[str, str]:
        return self.RULES if schema == KNOWN else {}


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "schema_catalogue", Catalogue)


def message(name: str = "", *, schema: Schema = KNOWN, **content: Any) -> Message:
    return Message(name, content, schema)


def test_items_are_concatenated_and_the_other_values_merged_by_their_rules() -> None:
    first = {"count": 1, "by_kind": {"x": 1}, "deep": {"gaps": [1], "kept": True}, "title": "first"}
    second = {"count": 2.5, "by_kind": {"x": 2, "y": 3}, "deep": {"gaps": [2, 3], "kept": False}, "title": "second"}
    merged = concatenated(
        [
            message("a", items=[1], other=[1], meta=first),
            message("", items=[], other=[2], gaps=["g"]),
            message("b", items=[2, 3], other=[3], meta=second, gaps=["h"]),
        ]
    )
    meta = {"count": 3.5, "by_kind": {"x": 3, "y": 3}, "deep": {"gaps": [1, 2, 3], "kept": True}, "title": "first"}
    assert merged == message("a+b", items=[1, 2, 3], other=[1], meta=meta, gaps=["g", "h"])
    assert first["deep"] == {"gaps": [1], "kept": True}


def test_a_value_that_only_later_messages_have_is_added_in_its_place() -> None:
    later = message(items=[], meta={"count": 4, "deep": {"gaps": ["g"]}})
    assert concatenated([message(items=[]), later]).content == {
        "items": [],
        "meta": {"count": 4, "deep": {"gaps": ["g"]}},
    }


def test_where_nobody_has_a_value_there_is_none_and_what_is_no_object_holds_none() -> None:
    assert concatenated([message(items=[]), message(items=[], meta="text")]).content == {"items": []}


def test_of_an_unknown_schema_every_list_that_all_messages_have_is_concatenated() -> None:
    one = message(schema=UNKNOWN, a=[1], b=[1], c=[1], d=1)
    other = message(schema=UNKNOWN, a=[2], b="text", c=[2], d=2, e=[2])
    assert concatenated([one, other]).content == {"a": [1, 2], "b": [1], "c": [1, 2], "d": 1}


@pytest.mark.parametrize(("schema", "key"), [(KNOWN, "other"), (UNKNOWN, "items")])
def test_messages_without_a_list_in_common_are_refused_with_what_to_do(schema: Schema, key: str) -> None:
    with pytest.raises(MessageError) as caught:
        concatenated([message(schema=schema, **{key: [1]}), message(schema=schema, items=1)])
    assert str(caught.value) == (
        f"Messages of {schema} cannot be concatenated: they have no list in common."
        f" Name the list of items in the JSON Schema of {schema} as x-waivern-items"
    )


def test_a_single_message_is_itself_and_each_schema_is_merged_alone_in_the_given_order() -> None:
    one, two, three = message("1", items=[1]), message("2", schema=UNKNOWN, a=[2]), message("3", items=[3])
    assert concatenated([two]) is two
    assert merged_by_schema([one, two, three], [UNKNOWN, KNOWN]) == [two, message("1+3", items=[1, 3])]
