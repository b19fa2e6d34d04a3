"""JSON, YAML and XML: values by key path."""

import json
import time
from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.scanned_files import columns_of, scan_of, texts_of
from tests.builders.thoroughness import examples
from waivern.files.formats.model.columns import CHUNK_SIZE
from waivern.files.formats.structured.key_paths import MAX_COLUMNS

TREE = {
    "shop": "Main",
    "users": [
        {"name": "Ann", "address": {"city": "London", "zip": "N1"}, "emails": ["a@example.org", "b@example.org"]},
        {"name": "Bob", "address": {"city": "Paris"}, "active": True, "age": 41, "manager": None},
    ],
}
COLUMNS = {
    ("data", "shop"): "Main",
    ("users[]", "name"): "Ann\nBob",
    ("users[]", "emails"): "a@example.org\nb@example.org",
    ("users[].address", "city"): "London\nParis",
    ("users[].address", "zip"): "N1",
    ("users[]", "active"): "true",
    ("users[]", "age"): "41",
    ("users[]", "manager"): "",
}


def read_as_text(name: str, text: str) -> bool:
    scan = scan_of(name, text)
    assert scan.scanned == 1
    return texts_of(scan) == {name: text} and next(iter(scan.items))["metadata"].get("read_as") == "text"


@pytest.mark.parametrize(
    ("name", "text"),
    [("data.json", json.dumps(TREE)), ("data.json", json.dumps(TREE, indent=2)), ("data.yaml", yaml.safe_dump(TREE))],
)
def test_values_are_grouped_by_key_path(name: str, text: str) -> None:
    assert columns_of(scan_of(name, text)) == COLUMNS


def test_each_line_of_jsonl_is_an_object() -> None:
    text = '{"email": "a@example.org"}\n\n{"email": "b@example.org", "tags": ["x"]}\n'
    expected = {("users", "email"): "a@example.org\nb@example.org", ("users", "tags"): "x"}
    assert columns_of(scan_of("users.jsonl", text)) == expected
    assert columns_of(scan_of("users.log", text)) == expected
    assert columns_of(scan_of("users.json", text)) == expected


def test_a_list_of_objects_is_a_table_with_the_files_name() -> None:
    assert columns_of(scan_of("users.json", '[{"name": "Ann"}, {"name": "Bob"}]')) == {("users[]", "name"): "Ann\nBob"}
    assert texts_of(scan_of("list.json", '["a@example.org", "b"]')) == {"list.json": "a@example.org\nb"}


def test_numbers_keep_their_notation() -> None:
    text = '{"card": 4111111111111111, "price": 1.10, "big": 123456789012345678901234567890}'
    assert list(columns_of(scan_of("x.json", text)).values()) == ["4111111111111111", "1.10", "1234567890" * 3]
    assert columns_of(scan_of("x.yaml", "phone: 0123456\n")) == {("x", "phone"): "0123456"}


def test_a_duplicate_key_hides_no_value() -> None:
    assert columns_of(scan_of("x.json", '{"a": "1", "a": "2"}')) == {("x", "a"): "1\n2"}
    assert columns_of(scan_of("x.yaml", "a: '1'\na: '2'\n")) == {("x", "a"): "1\n2"}


@pytest.mark.parametrize("key", ["ann@example.org", "1234567", "550e8400-e29b-41d4-a716-446655440000", "w" * 70])
def test_a_key_that_is_data_is_a_value(key: str) -> None:
    scan = scan_of("x.json", json.dumps({"users": {key: {"city": "London"}}}))
    assert columns_of(scan) == {("users", "*"): key, ("users.*", "city"): "London"}
    assert columns_of(scan_of("x.yaml", yaml.safe_dump({"users": {key: {"city": "London"}}}, width=500))) == {
        ("users", "*"): key,
        ("users.*", "city"): "London",
    }


def test_a_long_list_of_values_is_split_into_chunks() -> None:
    values = [f"person{number}@example.org" for number in range(10_000)]
    scan = scan_of("x.json", json.dumps([{"email": value} for value in values]))
    assert len(scan.items) > 1
    assert all(len(item["content"]) < CHUNK_SIZE + 100 for item in scan.items)
    assert columns_of(scan)["x[]", "email"].split("\n") == values


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, // a comment\n "b": 2}',
        '{"a": ',
        "",
        "{}",
        "[" * 101 + "]" * 101,
        "[" * 100_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        json.dumps({f"key{letter}{number}": 1 for letter in "abcdefgh" for number in range(1000)}),
    ],
)
def test_json_that_is_invalid_or_beyond_limits_is_read_as_text(text: str) -> None:
    assert read_as_text("x.json", text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ jinja }}: x\n{% if a %}\n",
        "a: &x 1\nb: *x\n",
        "just a sentence\n",
        "a: [\n",
        "? [complex, key]\n: 1\n",
        "[" * 101 + "]" * 101,
        "[" * 50_000,
        "a: &a [1,1,1]\n"
        + "".join(f"{b}: &{b} [*{a},*{a},*{a}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)),
    ],
)
def test_yaml_that_is_invalid_or_beyond_limits_is_read_as_text(text: str) -> None:
    assert read_as_text("x.yaml", text)


def test_depth_100_is_still_parsed() -> None:
    deepest = '{"a":' * 99 + '{"b": "c"}' + "}" * 99
    assert columns_of(scan_of("x.json", deepest)) == {(".".join("a" * 99), "b"): "c"}
    assert columns_of(scan_of("x.yaml", deepest)) == {(".".join("a" * 99), "b"): "c"}


def test_more_than_20_megabytes_are_read_as_text() -> None:
    text = json.dumps({"a": "x" * 20_000_000})
    assert read_as_text("x.json", text)


def test_yaml_keeps_its_comments_in_their_lines() -> None:
    text = (
        "# by ann@example.org\nhost: db # ask bob@example.org\nscript: |\n  # no comment\n  run\n"
        "more:\n  # and eve\n  - '#1'\n"
    )
    scan = scan_of("x.yaml", text)
    assert texts_of(scan) == {"x.yaml": "by ann@example.org\nask bob@example.org\n\n\n\n\nand eve"}
    assert columns_of(scan) == {("x", "host"): "db", ("x", "script"): "# no comment run ", ("x", "more"): "#1"}


def test_yaml_may_contain_several_documents() -> None:
    assert columns_of(scan_of("x.yml", "a: 1\n---\na: 2\nb: ~\n")) == {("x", "a"): "1\n2", ("x", "b"): ""}


def test_xml_has_texts_attributes_and_comments() -> None:
    text = (
        '<?xml version="1.0"?>\n<!-- by ann@example.org -->\n<s:shop xmlns:s="urn:s">\n'
        '<user id="7"><name>Ann</name>, vip</user>\n<user id="8"><name>Bob</name></user>\n<!-- end --></s:shop>'
    )
    scan = scan_of("x.xml", text)
    assert columns_of(scan) == {
        ("shop.user", "@id"): "7\n8",
        ("shop.user", "name"): "Ann\nBob",
        ("shop", "user"): ", vip",
    }
    assert texts_of(scan) == {"x.xml": "\n by ann@example.org \n\n\n\n end "}
    assert columns_of(scan_of("export.txt", text)) == columns_of(scan)


LAUGHS = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>'


@pytest.mark.parametrize("text", [LAUGHS, OUTSIDE, "<a><b></a>", "<a>" * 101 + "</a>" * 101, "<a " * 50_000, "not xml"])
def test_xml_that_is_malicious_or_invalid_is_read_as_text(text: str) -> None:
    assert read_as_text("x.xml", text)


def test_the_encoding_that_decoded_xml_declares_is_ignored() -> None:
    text = '<?xml version="1.0" encoding="utf-16"?><a><b>café</b></a>'
    assert columns_of(scan_of("x.xml", text)) == {("a", "b"): "café"}


def test_a_lone_surrogate_is_replaced() -> None:
    assert columns_of(scan_of("x.json", r'{"a\ud83d": "b\ude00"}')) == {("x", "a\ufffd"): "b\ufffd"}


def test_a_program_that_begins_like_a_page_or_data_is_plain_text() -> None:
    for name, text in {
        "x.php": "<?xml version='1.0'?>\n<?php echo 1;",
        "x.py": '{"a": 1}\n',
        "x.js": "[[1], [2]]",
    }.items():
        scan = scan_of(name, text)
        assert texts_of(scan) == {name: text}
        assert "read_as" not in next(iter(scan.items))["metadata"]


KEYS = st.sampled_from(["name", "email", "x y", "ann@example.org", "99999", "é", "a.b", ""])
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Zs", "Cc", "Zl", "Zp"]), min_size=1, max_size=6)
TREES = st.recursive(
    WORDS, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3), max_leaves=12
)


def words_in(tree: Any) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    return [word for below in (tree.values() if isinstance(tree, dict) else tree) for word in words_in(below)]


@settings(max_examples=examples(200), deadline=None)
@given(TREES)
def test_no_value_of_a_tree_is_lost(tree: Any) -> None:
    for name, text in (("x.json", json.dumps(tree)), ("x.yaml", yaml.safe_dump(tree, allow_unicode=True, width=9999))):
        scan = scan_of(name, text)
        assert scan.scanned == 1
        if "read_as" in next(iter(scan.items))["metadata"]:
            continue
        found = Counter(value for item in scan.items for value in item["content"].split("\n"))
        assert Counter(words_in(tree)) <= found


def test_the_number_of_columns_of_a_file_is_limited() -> None:
    few = {f"k{number}": 1 for number in range(MAX_COLUMNS)}
    assert len(scan_of("x.json", json.dumps(few)).items) == MAX_COLUMNS
    assert read_as_text("x.json", json.dumps({**few, "one more": 1}))


@pytest.mark.parametrize("unit", ['{"a":1},', "- a: b\n", "<a b='c'/>", "&a *a ", '"', "{[", "a: |\n"])
def test_the_time_for_a_file_is_proportional_to_its_length(unit: str) -> None:
    started = time.monotonic()
    for name in ("x.json", "x.yaml", "x.xml", "x.jsonl", "x.csv"):
        assert scan_of(name, unit * (200_000 // len(unit))).scanned == 1
    assert time.monotonic() - started < 30
