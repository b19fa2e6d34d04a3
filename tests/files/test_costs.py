"""What reading a file costs: work and text that grow with the file's bytes, whatever the file states about itself."""

import io
import zipfile
from collections.abc import Iterator

import pytest

from tests.builders.scanned_files import columns_of, scan_of
from tests.builders.work import calls_in
from waivern.files import decoding
from waivern.files.formats.documents import docx, xlsx
from waivern.files.formats.model.columns import in_one_line
from waivern.files.formats.model.document import Document, FormatError, Member, Part
from waivern.files.formats.structured import json, xml, yaml
from waivern.files.formats.tables import csv
from waivern.files.formats.text import charsets, eml, html
from waivern.messages.not_scanned import NotScanned

_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONSHIP = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_LIMIT = 100_000_000


def document(name: str, content: bytes | str) -> Document:
    return Document(name, content.encode() if isinstance(content, str) else content, _LIMIT)


def characters(extracts: Iterator[Part | Member | NotScanned]) -> int:
    return sum(len(extract.content) for extract in extracts if isinstance(extract, Part))


def workbook(rows: str, **members: str) -> bytes:
    """Return a workbook with one sheet of these rows, and further members by their names below xl/."""
    files = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{_RELATIONSHIP}"><sheets>'
        '<sheet name="People" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": "<Relationships>"
        f'<Relationship Id="r1" Type="{_RELATIONSHIP}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_SHEET}"><sheetData>{rows}</sheetData></worksheet>',
        **{f"xl/{name}": content for name, content in members.items()},
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


WIDE_ROW = ",".join(["1"] * 3_000)


@pytest.mark.parametrize(
    "text",
    [
        f"{WIDE_ROW}\n" + "x,y\n" * 3_000,
        "x,y\n" * 3_000 + f"{WIDE_ROW}\n",
        f"{WIDE_ROW}\n" + "x,y\n" * 3_000 + f"{WIDE_ROW}\n",
        "a,b\n" * 300 + "".join(f"{',' * number}x\n" for number in range(100)),
    ],
)
def test_a_table_costs_as_much_as_it_has_cells_and_not_rows_times_columns(text: str) -> None:
    table = document("t.csv", text)
    assert characters(csv.read(table)) < 2 * len(text)
    assert calls_in(lambda: list(csv.read(table))) < 20 * len(text)


def test_no_cell_below_missing_cells_is_lost() -> None:
    text = f"{WIDE_ROW}\n" + "x,y\n" * 3_000 + f"{WIDE_ROW}z\n"
    items = [item for item in scan_of("t.csv", text).items if item["metadata"]["column"] == "column 3000"]
    assert [(item["content"].strip(), item["metadata"]["rows"]) for item in items] == [
        ("1", [1, 1]),
        ("1z", [3002, 3002]),
    ]


def test_a_gap_between_rows_of_a_sheet_costs_nothing() -> None:
    content = workbook(f'<row r="1">{cell("A1", "name")}</row><row r="1048576">{cell("XFD1048576", "Ann")}</row>')
    sheet = document("t.xlsx", content)
    assert characters(xlsx.read(sheet)) < 100
    assert calls_in(lambda: list(xlsx.read(sheet))) < 10_000
    assert columns_of(scan_of("t.xlsx", content)) == {("People", "name"): "", ("People", "column 16384"): "Ann"}


def test_cells_far_to_the_right_cost_as_much_as_others() -> None:
    def calls(column: str) -> int:
        rows = "".join(f'<row r="{number}">{cell(f"{column}{number}", "Ann")}</row>' for number in range(1, 1_000))
        return calls_in(lambda: list(xlsx.read(document("t.xlsx", workbook(rows)))))

    assert calls("XFD") < 1.1 * calls("A")


def test_rows_that_are_not_in_order_keep_every_cell() -> None:
    rows = [cell("A9", "11"), cell("B2", "22") + cell("A2", "33"), cell("", "44")]
    content = workbook("".join(f'<row r="{number}">{row}</row>' for number, row in zip((9, 2, ""), rows, strict=True)))
    found = columns_of(scan_of("t.xlsx", content))
    assert sorted(" ".join(found.values()).split()) == ["11", "22", "33", "44"]


def test_a_sheet_that_is_listed_twice_is_read_once() -> None:
    content = workbook(f"<row>{cell('A1', 'Ann')}</row>")
    sheets = '<sheet name="People" sheetId="1" r:id="r1"/>'
    listing = f'<workbook xmlns="{_SHEET}" xmlns:r="{_RELATIONSHIP}"><sheets>{sheets * 100}</sheets></workbook>'
    twice = workbook(f"<row>{cell('A1', 'Ann')}</row>", **{"workbook.xml": listing})
    assert columns_of(scan_of("t.xlsx", twice)) == columns_of(scan_of("t.xlsx", content))


def test_a_thousand_cell_formats_cost_as_much_as_they_have_characters() -> None:
    def calls(formats: int) -> int:
        codes = "".join(f'<numFmt numFmtId="{number}" formatCode="0.0{"[" * 200}"/>' for number in range(formats))
        cells = "<xf/>" * formats
        styles = f'<styleSheet xmlns="{_SHEET}"><numFmts>{codes}</numFmts><cellXfs>{cells}</cellXfs></styleSheet>'
        rows = f"<row>{cell('A1', 'Ann')}</row>"
        return calls_in(lambda: list(xlsx.read(document("t.xlsx", workbook(rows, **{"styles.xml": styles})))))

    assert calls(4_000) - calls(2_000) < 1.2 * (calls(2_000) - calls(0))


def test_a_long_token_of_xml_is_parsed_in_a_few_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from defusedxml.ElementTree import DefusedXMLParser

    fed: list[int] = []

    class CountingParser(DefusedXMLParser):
        def feed(self, data: bytes) -> None:
            fed.append(len(data))
            super().feed(data)

    monkeypatch.setattr("defusedxml.ElementTree.DefusedXMLParser", CountingParser)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("word/document.xml", f'<document a="{"x" * 4_000_000}"/>')
    list(docx.read(document("t.docx", written.getvalue())))
    assert sum(fed) > 4_000_000
    assert len(fed) <= 16


@pytest.mark.parametrize(
    ("read", "name", "deep", "item", "end"),
    [
        (json.read, "t.json", '{"%s":', "{},", "{}]"),
        (yaml.read, "t.yaml", "{%s: ", "{},", "{}]"),
    ],
)
def test_many_containers_below_a_long_path_share_the_path(
    read: object, name: str, deep: str, item: str, end: str
) -> None:
    depth, items = 15, 2_000
    text = deep % ("k" * 60) * depth + "[" + item * items + end + "}" * depth
    assert callable(read)
    list(read(document(name, text)))
    values = _paths_of(read, name, text)
    assert len({id(path) for path in values}) <= depth + 1


def _paths_of(read: object, name: str, text: str) -> list[str]:
    from waivern.files.formats.structured.key_paths import KeyedValues

    assert callable(read)
    found: list[str] = []
    original = KeyedValues.path_of

    def path_of(self: KeyedValues, parent: str, key: str | None) -> str:
        found.append(original(self, parent, key))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeyedValues, "path_of", path_of)
        list(read(document(name, text)))
    return found


@pytest.mark.parametrize(
    ("read", "name", "text"),
    [
        (json.read, "t.json", "{" + ",".join(f'"a{number}k":{{}}' for number in range(20_000)) + "}"),
        (json.read, "t.json", ('{"' + "k" * 60 + '":') * 30 + "1" + "}" * 30),
        (yaml.read, "t.yaml", "".join(f"a{number}k: {{}}\n" for number in range(20_000))),
        (xml.read, "t.xml", "<r>" + "".join(f"<a{number}k/>" for number in range(20_000)) + "</r>"),
        (xml.read, "t.xml", ("<" + "k" * 60 + ">") * 30 + ("</" + "k" * 60 + ">") * 30),
    ],
)
def test_a_tree_with_too_many_or_too_long_paths_is_rejected(read: object, name: str, text: str) -> None:
    assert callable(read)
    with pytest.raises(FormatError):
        list(read(document(name, text)))


def test_blanks_without_a_line_end_are_passed_once() -> None:
    blanks = " " * 1_000_000
    assert in_one_line(f"a{blanks}b") == f"a{blanks}b"
    assert in_one_line(f"a{blanks}\n{blanks}b") == "a b"


def test_the_sample_for_an_encoding_is_found_in_one_pass() -> None:
    sample = decoding._non_ascii_sample(b"x" * 5_000_000 + b"\xe9" + b"y" * 5_000_000)
    assert sample == b"x" * 80 + b"\xe9" + b"y" * 80


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"no\nM\xfcnchen, K\xf6ln\nno\n", b"M\xfcnchen, K\xf6ln\n"),
        (b"\xfc\n\xfc\n", b"\xfc\n\xfc\n"),
        (b"a\n" * 9 + b"\xfc" * 3, b"\xfc" * 3),
        (b"", b""),
    ],
)
def test_the_sample_for_an_encoding_has_the_lines_of_what_is_not_ascii(content: bytes, expected: bytes) -> None:
    assert decoding._non_ascii_sample(content) == expected


def test_the_sample_for_an_encoding_is_bounded() -> None:
    assert len(decoding._non_ascii_sample(b"\xe9" * 1_000_000)) < 20_000


SENDER = b"From: ann@example.org\n"
MULTIPART = b"Content-Type: multipart/mixed; boundary=b\n\n"


@pytest.mark.parametrize(
    ("start", "repeated", "end"),
    [
        (SENDER + b'Content-Type: text/plain; x="', b";", b'"\n\nx'),
        (SENDER + b"Content-Type: text/plain", b";a=b", b"\n\nx"),
        (SENDER + b"Content-Type: text/plain", b";name*1*=a", b"\n\nx"),
        (SENDER + b"Content-Disposition: attachment", b";filename*0=a", b"\n\nx"),
        (SENDER + b"Subject: a\n", b" a\n", b"\nx"),
        (SENDER + b"Subject: ", b"=?utf-8?q?a?= ", b"\n\nx"),
        (SENDER + b"Subject: ", b"=?utf-8?q?", b"\n\nx"),
        (SENDER + b"Subject: ", b"=?", b"\n\nx"),
        (SENDER, b"To: bob@example.org\n", b"\nx"),
        (SENDER + MULTIPART, b"--b\n\nx\n", b""),
        (SENDER + MULTIPART, b"x--b", b""),
        (SENDER, MULTIPART + b"--b\n", b""),
        (SENDER + b"Content-Transfer-Encoding: base64\n\n", b"=A", b""),
        (SENDER + b"Content-Type: text/html\n\n", b"<", b""),
        (SENDER + b"Content-Type: text/html\n\n", b"<a ", b""),
    ],
)
def test_a_mail_costs_as_much_as_it_has_bytes(start: bytes, repeated: bytes, end: bytes) -> None:
    def calls(times: int) -> int:
        return calls_in(lambda: list(eml.read(document("m.eml", start + repeated * times + end))))

    calls(10)  # imports, and what is computed once
    assert calls(8_000) - calls(4_000) <= 1.1 * (calls(4_000) - calls(10)) + 100


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "hex", "base64", "undefined", "", "\0"])
def test_no_charset_of_a_mail_leads_to_a_decoder_that_takes_quadratic_time(charset: str) -> None:
    assert charsets.known_charset(charset) is None


def test_parts_of_a_mail_that_are_nested_too_deeply_are_named() -> None:
    scan = scan_of(
        "m.eml", SENDER + b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(30))
    )
    assert [(entry["name"], entry["code"]) for entry in scan.not_scanned] == [("m.eml", "too_complex")]


def test_the_parameters_of_a_mail_that_are_not_parsed_are_still_scanned() -> None:
    content = SENDER + b"Content-Type: text/plain" + b";a=b" * 10_000 + b"; x=bob@example.org\n\nx"
    assert columns_of(scan_of("m.eml", content))["headers", "Content-Type"].endswith("x=bob@example.org")


@pytest.mark.parametrize("repeated", ["<", "<a", "<!--", "<title>", "&a", "<a b='", "<?", "</", "<script>"])
def test_a_page_costs_as_much_as_it_has_characters(repeated: str) -> None:
    def calls(times: int) -> int:
        return calls_in(lambda: list(html.read(document("p.html", repeated * times))))

    calls(10)
    assert calls(8_000) - calls(4_000) <= 1.1 * (calls(4_000) - calls(10)) + 100
