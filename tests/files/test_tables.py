"""CSV and similar formats, and turning rows into columns."""

import csv
import re
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.scanned_files import columns_of, not_scanned_in, scan_of, texts_of
from tests.builders.thoroughness import examples
from waivern.files.formats.model.columns import CHUNK_SIZE
from waivern.files.formats.tables.csv import delimiter_of


def test_each_column_is_an_item_with_its_table_and_rows() -> None:
    scan = scan_of("exports/people.csv", "name,email\nAnn,ann@example.org\nBob,bob@example.org\n")
    assert [(item["content"], item["metadata"]) for item in scan.items] == [
        (content, {**metadata, "table": "people", "column": column, "rows": [1, 2], "encoding": "utf-8"})
        for metadata in [{"source": "here", "connector_type": "filesystem", "file_path": "exports/people.csv"}]
        for column, content in (("name", "Ann\nBob"), ("email", "ann@example.org\nbob@example.org"))
    ]
    assert scan.metadata() == {"scanned": 1, "not_scanned": []}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected_for_every_extension(delimiter: str) -> None:
    rows = [["name", "born", "note"], ["Ann", "1980-01-02", "a, b; c"], ["Bob", "1990-05-06", "x|y"]]
    written = StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    scan = scan_of("x.csv", written.getvalue())
    assert columns_of(scan) == {("x", name): f"{a}\n{b}" for name, a, b in zip(*rows, strict=True)}


def test_a_line_end_inside_a_cell_becomes_a_blank() -> None:
    scan = scan_of("x.csv", 'name,address\r\nAnn,"1 High St\r\nLondon"\r\n')
    assert columns_of(scan)["x", "address"] == "1 High St London"


def test_ragged_rows_lose_nothing() -> None:
    scan = scan_of("x.csv", "a,b\n1,2\n3\n4,5,6,7\n8,9\n1,2\n")
    assert columns_of(scan) == {
        ("x", "a"): "1\n3\n4\n8\n1",
        ("x", "b"): "2\n\n5\n9\n2",
        ("x", "column 3"): "6",
        ("x", "column 4"): "7",
    }
    assert [item["metadata"]["rows"] for item in scan.items] == [[1, 5], [1, 5], [3, 5], [3, 5]]


@pytest.mark.parametrize("first", ["Ann,ann@example.org", "17,Ann", "1980-01-02,Ann", "+44 20 7946 0000,Ann"])
def test_a_first_row_with_values_is_not_a_header(first: str) -> None:
    scan = scan_of("x.csv", f"{first}\n{first}\n")
    assert set(columns_of(scan)) == {("x", "column 1"), ("x", "column 2")}
    assert all(item["metadata"]["rows"] == [1, 2] for item in scan.items)


def test_a_title_above_the_header_is_kept() -> None:
    scan = scan_of(
        "x.csv", "Customers of Ann Smith,,,\n,,,\nid,name,email,phone\n1,Bob,b@example.org,5\n2,Eve,e@example.org,6\n"
    )
    assert texts_of(scan) == {"x.csv": "Customers of Ann Smith"}
    assert columns_of(scan)["x", "name"] == "Bob\nEve"


@pytest.mark.parametrize(
    "text", ["no table at all, just prose\nof two lines. And more; much more\n", "", "one line", '{"a": [1, 2]}\n[3]\n']
)
def test_text_that_is_not_a_table_stays_plain_text(text: str) -> None:
    scan = scan_of("x.csv", text)
    assert texts_of(scan) == {"x.csv": text}
    assert next(iter(scan.items))["metadata"]["read_as"] == "text"


def test_a_list_of_single_values_is_a_table_with_one_column() -> None:
    assert columns_of(scan_of("x.csv", "ssn\n078-05-1120\n219-09-9999\n")) == {("x", "ssn"): "078-05-1120\n219-09-9999"}


def test_a_quote_that_is_never_closed_hides_no_row() -> None:
    scan = scan_of("x.csv", 'size,name\n5" pipe,Ann\n"6,Bob\n7,Eve\n')
    assert columns_of(scan)["x", "name"] == "Ann\nBob\nEve"


def test_a_cell_of_a_million_characters_is_read() -> None:
    scan = scan_of("x.csv", f"a,b\n{'x' * 1_000_000},2\n")
    assert "x" * 1_000_000 in "".join(item["content"] for item in scan.items)


def test_a_long_column_is_split_into_chunks_with_their_row_numbers() -> None:
    lines = [f"{number},person{number}@example.org" for number in range(10_000)]
    scan = scan_of("x.csv", "id,email\n" + "\n".join(lines))
    stretches = [item for item in scan.items if item["metadata"]["column"] == "email"]
    assert len(stretches) > 1
    next_row = 1
    for item in stretches:
        first, last = item["metadata"]["rows"]
        assert first == next_row
        assert item["content"].split("\n")[0] == f"person{first - 1}@example.org"
        assert item["content"].count("\n") == last - first
        assert len(item["content"]) < CHUNK_SIZE + 100
        next_row = last + 1
    assert next_row == 10_001


def test_a_table_of_two_thousand_columns_is_read() -> None:
    header = ",".join(f"field_{number}" for number in range(2000))
    rows = "\n".join(",".join(str(number * row) for number in range(2000)) for row in range(3))
    scan = scan_of("wide.csv", f"{header}\n{rows}\n")
    assert len(scan.items) == 2000
    assert columns_of(scan)["wide", "field_1999"] == "0\n1999\n3998"


def test_a_column_without_values_has_one_empty_part() -> None:
    scan = scan_of("x.csv", "name,passport_number,\nAnn,,\nBob,,\n")
    assert columns_of(scan) == {("x", "name"): "Ann\nBob", ("x", "passport_number"): ""}


def test_invalid_characters_are_reported_and_the_rest_is_in_its_columns() -> None:
    scan = scan_of("x.csv", b"name,email\nAnn\xff,ann@example.org\nBob,b@example.org\n", encoding="utf-8")
    assert columns_of(scan)["x", "name"] == "Ann\ufffd\nBob"
    assert list(not_scanned_in(scan)) == ["x.csv"]
    assert not_scanned_in(scan_of("x.csv", b"a,b\nc\xff,d\n", encoding="utf-8", errors="strict")) == {
        "x.csv": "1 characters are not utf-8"
    }


def test_formats_text_reads_every_file_as_plain_text() -> None:
    text = "name,email\nAnn,ann@example.org\n"
    scan = scan_of("people.csv", text, formats="text")
    assert texts_of(scan) == {"people.csv": text}
    assert "read_as" not in next(iter(scan.items))["metadata"]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters='\0"'), max_size=8)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=8), st.sampled_from(",;\t|"))
def test_no_word_of_a_table_is_lost(rows: list[list[str]], delimiter: str) -> None:
    written = StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    scan = scan_of("x.csv", written.getvalue())
    texts = " ".join(" ".join([item["content"], item["metadata"].get("column", "")]) for item in scan.items)
    for row in rows:
        for cell in row:
            for word in re.split(r"[\s,;|]+", cell):  # with few cells, another character may look like the delimiter
                assert word in texts


def test_prose_is_not_a_table() -> None:
    assert (
        delimiter_of("It was, as ever, late.\nNobody came.\nSo, in the end, we left, all of us, home.\nYes.\n") is None
    )
