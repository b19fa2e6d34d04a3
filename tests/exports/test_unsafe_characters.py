"""Every export format stays well-formed and shows no unsafe character, whatever the names in a report are."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.exports.test_html import Page, report_with_text
from tests.test_escaping import is_unsafe
from waivern.exports.exporter import Preferences
from waivern.exports.model.organisation import Organisation
from waivern.exports.registry import Exporters
from waivern.exports.ropa.exporter import RopaExporter

UNSAFE = st.characters(codec="utf-8", categories=["Cc", "Cf", "Zl", "Zp"]) | st.sampled_from("\ufffe\uffff\u3164")
EVERY_KIND = "\x00\x1b[2J\x7f\x9b\u202e\u2028\ufeff\U000e0041\ufffe"
NAMES = st.text(UNSAFE | st.sampled_from("aé=+-@<>&'\"\\"), min_size=1, max_size=8)


def check_json(exported: bytes) -> None:
    json.loads(exported)


def check_json_lines(exported: bytes) -> None:
    for line in exported.decode().splitlines():
        check_json(line.encode())


def check_xml(exported: bytes) -> None:
    ElementTree.fromstring(exported)


def check_csv(exported: bytes) -> None:
    header, *rows = csv.reader(io.StringIO(exported.decode(), newline=""), strict=True)
    assert {len(row) for row in rows} == {len(header)}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def check_html(exported: bytes) -> None:
    assert Page(exported.decode()).shape


FORMATS: dict[str, Callable[[bytes], None]] = {
    **dict.fromkeys(("json", "sarif", "sarif.json"), check_json),
    **dict.fromkeys(("html", "htm"), check_html),
    "xml": check_xml,
    "csv": check_csv,
}
JSON_LINES = ("ocsf", "openlineage")
CASES = [
    (name, extension)
    for name, exporter in Exporters().items()
    for extension in exporter.extensions
    if extension not in exporter.binary_extensions
]


@pytest.mark.parametrize(("form", "extension"), CASES, ids=["-".join(case) for case in CASES])
@given(NAMES)
@example(EVERY_KIND)
@settings(max_examples=5, deadline=None)
def test_an_export_of_any_names_is_well_formed(form: str, extension: str, name: str) -> None:
    declared = Organisation.model_validate({"controller": {"name": name}, "retention": name})
    exporter = Exporters()[form]
    exported = b"".join(exporter().export(report_with_text(name), Preferences(extension, organisation=declared)))
    check = check_json_lines if form in JSON_LINES else FORMATS[extension]
    check(exported)
    assert unsafe_in(exported.decode()) == []


def test_a_workbook_of_any_names_is_well_formed() -> None:
    from openpyxl import load_workbook

    exported = b"".join(RopaExporter().export(report_with_text(EVERY_KIND), Preferences("xlsx")))
    book = load_workbook(io.BytesIO(exported))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert unsafe_in("".join(str(cell.value) for cell in cells)) == []
    assert not [cell for cell in cells if cell.data_type == "f"]
    with zipfile.ZipFile(io.BytesIO(exported)) as container:
        for part in container.namelist():
            if part.endswith((".xml", ".rels")):
                check_xml(container.read(part))


def unsafe_in(text: str) -> list[str]:
    """Return the unsafe characters of a text other than line breaks, which HTML and CSV may hold, and tabs."""
    return [character for character in re.sub(r"\r\n|[\n\t]", "", text) if is_unsafe(character)]
