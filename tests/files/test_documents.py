"""PDF, DOCX and XLSX: the extracted text, and damaged documents."""

import datetime
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.comments import Comment
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from tests.builders.scanned_files import columns_of, not_scanned_in, scan_of, texts_of
from tests.builders.thoroughness import examples
from waivern.files.formats import registry

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(pages: Sequence[str], *, password: str | None = None, cipher: str = "RC4-128") -> bytes:
    writer = PdfWriter()
    for text in pages:
        page = writer.add_blank_page(300, 300)
        font = DictionaryObject({NameObject(key): NameObject(value) for key, value in FONT.items()})
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = writer._add_object(stream)
    writer.add_metadata({"/Author": "Anna Smith"})
    if password is not None:
        writer.encrypt(password, owner_password="owner", algorithm=cipher)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


FONT = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica", "/Encoding": "/WinAnsiEncoding"}


def docx(body: str, **beside: str) -> bytes:
    return office({"word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>', **beside})


def office(files: dict[str, str]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"[Content_Types].xml": "<Types/>", **files}.items():
            archive.writestr(name, content)
    return written.getvalue()


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def xlsx(book: Workbook) -> bytes:
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


@contextmanager
def without_packages() -> Iterator[None]:
    kept = registry.find_spec
    registry.find_spec = lambda name: None  # type: ignore[assignment]  # as if the extra were not installed
    try:
        yield
    finally:
        registry.find_spec = kept


def test_a_pdf_has_one_text_per_page_and_its_author() -> None:
    scan = scan_of("letter.bin", pdf(["Dear anna@example.org", "", "Yours"]))
    assert [(item["content"].strip(), item["metadata"].get("page")) for item in list(scan.items)[:2]] == [
        ("Dear anna@example.org", 1),
        ("Yours", 3),
    ]
    assert columns_of(scan)["properties", "Author"] == "Anna Smith"
    assert not_scanned_in(scan) == {"letter.bin": "page 2 without text: blank, or an image of text"}
    assert scan.scanned == 1


def test_a_pdf_with_a_password_is_reported() -> None:
    scan = scan_of("secret.pdf", pdf(["Dear Anna"], password="pw"))
    assert list(scan.items) == []
    assert scan.scanned == 0
    assert not_scanned_in(scan) == {"secret.pdf": "an encrypted PDF document"}


def test_a_pdf_that_only_restricts_printing_is_read() -> None:
    assert "Dear Anna" in texts_of(scan_of("open.pdf", pdf(["Dear Anna"], password="")))["open.pdf"]


@pytest.mark.parametrize("content", [b"%PDF-1.7\nrubbish", b"%PDF-", pdf(["Dear Anna"])[:300]])
def test_a_damaged_pdf_is_reported_or_partially_read(content: bytes) -> None:
    scan = scan_of("broken.pdf", content)
    assert list(scan.items) == []
    assert list(not_scanned_in(scan)) == ["broken.pdf"]
    assert "PDF document" in not_scanned_in(scan)["broken.pdf"]


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=20))
def test_no_pdf_makes_a_scan_fail(at: int, rubbish: bytes) -> None:
    whole = pdf(["Dear Anna"])
    at %= len(whole)
    scan = scan_of("broken.pdf", whole[:at] + rubbish + whole[at + len(rubbish) :])
    assert scan.items or scan.not_scanned


def test_a_docx_has_its_paragraphs_tables_headers_and_notes() -> None:
    table = f"<w:tbl><w:tr><w:tc>{paragraph('Name')}</w:tc><w:tc>{paragraph('Anna')}</w:tc></w:tr></w:tbl>"
    header = f'<w:hdr xmlns:w="{WORD}">{paragraph("Confidential")}</w:hdr>'
    scan = scan_of("letter.docx", docx(paragraph("Dear Ms Smith") + table, **{"word/header1.xml": header}))
    body, beside = scan.items
    assert body["content"].splitlines()[0] == "Dear Ms Smith"
    assert "Name" in body["content"]
    assert "Anna" in body["content"]
    assert (beside["content"].strip(), beside["metadata"]["part"]) == ("Confidential", "header1")


def test_a_docx_with_entities_or_damage_is_reported() -> None:
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    for content in (
        office({"word/document.xml": f'{laughs}<w:document xmlns:w="{WORD}">&b;</w:document>'}),
        office({"word/document.xml": "<w:document"}),
    ):
        scan = scan_of("x.docx", content)
        assert list(scan.items) == []
        assert not_scanned_in(scan) == {"x.docx": "a DOCX document that cannot be read"}


def test_a_docx_bomb_is_reported() -> None:
    scan = scan_of("bomb.docx", docx(" " * 50_000_000))
    assert list(scan.items) == []
    assert "bomb" in not_scanned_in(scan)["bomb.docx"]


def test_an_xlsx_has_one_text_per_column_of_each_sheet_and_its_comments() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "People"
    sheet.append(["name", "born", "score", "is_active"])
    sheet.append(["Anna", datetime.date(1980, 2, 29), 1.0, True])
    sheet.append(["Bert", None, 2.5, False])
    sheet["A2"].comment = Comment("calls herself Ann", "x")
    book.create_sheet("Empty")
    scan = scan_of("list.xlsx", xlsx(book))
    assert columns_of(scan)["People", "name"] == "Anna\nBert"
    assert columns_of(scan)["People", "born"].startswith("1980-02-29")
    assert columns_of(scan)["People", "score"] == "1\n2.5"
    assert columns_of(scan)["People", "is_active"] == "true\nfalse"
    assert any("calls herself Ann" in item["content"] for item in scan.items)
    assert not_scanned_in(scan) == {}


def test_a_damaged_sheet_does_not_affect_others() -> None:
    book = Workbook()
    for title in ("Good", "Bad"):
        sheet = book.create_sheet(title)
        sheet.append(["name"])
        sheet.append(["Anna"])
    del book["Sheet"]
    broken = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx(book))) as whole, zipfile.ZipFile(broken, "w") as archive:
        for name in whole.namelist():
            content = whole.read(name)
            archive.writestr(name, content[: len(content) // 2] if name.endswith("sheet2.xml") else content)
    scan = scan_of("list.xlsx", broken.getvalue())
    assert columns_of(scan)["Good", "name"] == "Anna"
    assert list(not_scanned_in(scan)) == ["list.xlsx:Bad"]


def test_a_sheet_of_two_thousand_columns_is_read() -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Wide")
    sheet.append([f"field_{number}" for number in range(2000)])
    sheet.append([f"value {number}" for number in range(2000)])
    columns = columns_of(scan_of("wide.xlsx", xlsx(book)))
    assert columns["Wide", "field_1999"] == "value 1999"
    assert len([column for table, column in columns if table == "Wide"]) == 2000


def test_without_its_packages_a_document_is_reported_with_the_extra_to_install() -> None:
    with without_packages():
        scan = scan_of("letter.pdf", pdf(["Dear Anna"]))
    assert not_scanned_in(scan) == {"letter.pdf": "a PDF document: pip install 'waivern[documents]' to read it"}


def test_documents_in_archives_are_read() -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("in/letter.docx", docx(paragraph("Dear Anna")))
        archive.writestr("in/secret.pdf", pdf(["x"], password="pw"))
    scan = scan_of("a.zip", written.getvalue())
    assert texts_of(scan)["a.zip!/in/letter.docx"].strip() == "Dear Anna"
    assert not_scanned_in(scan) == {"a.zip!/in/secret.pdf": "an encrypted PDF document"}
