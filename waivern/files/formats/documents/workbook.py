"""The parts of a workbook (ECMA-376 part 1, 18): its sheets, shared strings and number formats, and a sheet's rows.

Everything is read event by event, in time proportional to its length. Of a sheet, only the cells that have a value
become cells, whatever rows, columns and dimensions it states.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from zipfile import ZipFile

from waivern.files.formats.documents.number_formats import NumberKind, built_in_kind, kind_of, number_as_text
from waivern.files.formats.documents.office_xml import IgnoringTarget, local_name, parse, parse_in_steps
from waivern.files.formats.tables.table import Row

_FOLDER = "xl"
_WORKBOOK, _RELATIONSHIPS = f"{_FOLDER}/workbook.xml", f"{_FOLDER}/_rels/workbook.xml.rels"
_STYLES, _SHARED_STRINGS = f"{_FOLDER}/styles.xml", f"{_FOLDER}/sharedStrings.xml"
_TRUE = frozenset({"1", "true", "on"})
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})")
_MAX_INDEX_DIGITS = 9


@dataclass
class Workbook:
    """What the sheets of a workbook share.

    Args:
        sheets: The archive's member for each sheet by the sheet's name.
        strings: The shared strings, which cells refer to by number.
        formats: The kinds of the cell formats, which cells refer to by number.
        is_1904: Whether days are counted from 1904 instead of 1900.
    """

    sheets: dict[str, str] = field(default_factory=dict)
    strings: list[str] = field(default_factory=list)
    formats: list[NumberKind] = field(default_factory=list)
    is_1904: bool = False


def open_workbook(archive: ZipFile) -> Workbook:
    """Read everything but the sheets."""
    members = set(archive.namelist())
    listing = parse(archive, _WORKBOOK, _SheetListing())
    relationships = parse(archive, _RELATIONSHIPS, _Relationships()).targets if _RELATIONSHIPS in members else {}
    return Workbook(
        _sheet_members(listing.sheets, relationships, members),
        parse(archive, _SHARED_STRINGS, _SharedStrings()).strings if _SHARED_STRINGS in members else [],
        parse(archive, _STYLES, _CellFormats()).kinds() if _STYLES in members else [],
        listing.is_1904,
    )


def rows_of(archive: ZipFile, member: str, workbook: Workbook) -> Iterator[Row]:
    """Yield the rows of a sheet that have a value."""
    collector = _Rows(workbook)
    for _ in parse_in_steps(archive, member, collector):
        yield from collector.take()


def _sheet_members(sheets: list[tuple[str, str]], relationships: dict[str, str], members: set[str]) -> dict[str, str]:
    """Return the member of each sheet; each member belongs to one sheet, each name too."""
    found: dict[str, str] = {}
    unused = set(members)
    for name, relationship in sheets:
        member = relationships.get(relationship, "")
        if member in unused:
            unused.remove(member)
            found[name if name not in found else f"{name} {len(found) + 1}"] = member
    return found


class _SheetListing(IgnoringTarget):
    def __init__(self) -> None:
        self.sheets: list[tuple[str, str]] = []
        self.is_1904 = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = local_name(tag)
        if name == "sheet":
            id_ = next((value for key, value in attributes.items() if key.endswith("}id")), "")
            self.sheets.append((attributes.get("name", ""), id_))
        elif name == "workbookPr":
            self.is_1904 = attributes.get("date1904") in _TRUE


class _Relationships(IgnoringTarget):
    def __init__(self) -> None:
        self.targets: dict[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  called by the parser
        if attributes.get("Type", "").endswith("/worksheet"):
            target = attributes.get("Target", "")
            path = target[1:] if target.startswith("/") else posixpath.normpath(f"{_FOLDER}/{target}")
            self.targets[attributes.get("Id", "")] = path


class _CellFormats(IgnoringTarget):
    def __init__(self) -> None:
        self._codes: dict[int, NumberKind] = {}
        self._ids: list[int] = []
        self._is_cell_format = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = local_name(tag)
        if name == "numFmt":
            self._codes[_index(attributes.get("numFmtId"))] = kind_of(attributes.get("formatCode", ""))
        elif name == "cellXfs":
            self._is_cell_format = True
        elif name == "xf" and self._is_cell_format:
            self._ids.append(_index(attributes.get("numFmtId")))

    def end(self, tag: str) -> None:
        if local_name(tag) == "cellXfs":
            self._is_cell_format = False

    def kinds(self) -> list[NumberKind]:
        return [self._codes.get(id_) or built_in_kind(id_) for id_ in self._ids]


class _SharedStrings(IgnoringTarget):
    def __init__(self) -> None:
        self.strings: list[str] = []
        self._string = _RichText()

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  called by the parser
        self._string.start(local_name(tag))

    def data(self, text: str) -> None:
        self._string.data(text)

    def end(self, tag: str) -> None:
        name = local_name(tag)
        self._string.end(name)
        if name == "si":
            self.strings.append(self._string.take())


class _RichText:
    """Collects the text of runs, without the phonetic guide above it."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._is_text = self._is_phonetic = False

    def start(self, name: str) -> None:
        self._is_phonetic = self._is_phonetic or name == "rPh"
        self._is_text = name == "t" and not self._is_phonetic

    def data(self, text: str) -> None:
        if self._is_text:
            self._texts.append(text)

    def end(self, name: str) -> None:
        self._is_text = False
        self._is_phonetic = self._is_phonetic and name != "rPh"

    def take(self) -> str:
        text = "".join(self._texts)
        self._texts.clear()
        return text


class _Rows(IgnoringTarget):
    """Collects rows; numbers that are missing, or not larger than those before, continue those before."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._rows: list[Row] = []
        self._number = 0
        self._cells: dict[int, str] = {}
        self._column = -1
        self._type = self._style = ""
        self._value: list[str] = []
        self._is_value = False
        self._inline = _RichText()

    def take(self) -> list[Row]:
        """Return the rows that were completed since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = local_name(tag)
        if name == "c":
            reference = _REFERENCE.fullmatch(attributes.get("r", ""))
            column = -1 if reference is None else _column_index(reference[1])
            self._column = column if column > self._column else self._column + 1
            self._type, self._style = attributes.get("t", "n"), attributes.get("s", "")
        elif name == "row":
            self._number = max(self._number + 1, _index(attributes.get("r")))
            self._cells, self._column = {}, -1
        self._is_value = name == "v"
        self._inline.start(name)

    def data(self, text: str) -> None:
        if self._is_value:
            self._value.append(text)
        self._inline.data(text)

    def end(self, tag: str) -> None:
        name = local_name(tag)
        self._inline.end(name)
        self._is_value = False
        if name == "c":
            text = self._inline.take() if self._type == "inlineStr" else self._text_of("".join(self._value))
            self._inline.take()
            self._value.clear()
            if text:
                self._cells[self._column] = text
        elif name == "row" and self._cells:
            self._rows.append(Row(self._number, self._cells))

    def _text_of(self, value: str) -> str:
        if not value:
            return ""
        if self._type == "s":
            index = _index(value, default=-1)
            return self._workbook.strings[index] if 0 <= index < len(self._workbook.strings) else ""
        if self._type == "b":
            return "true" if value in _TRUE else "false"
        if self._type != "n":
            return value
        style = _index(self._style, default=-1)
        formats = self._workbook.formats
        kind = formats[style] if 0 <= style < len(formats) else NumberKind.NUMBER
        return number_as_text(value, kind, is_1904=self._workbook.is_1904)


def _column_index(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _index(value: str | None, *, default: int = 0) -> int:
    if value is None or len(value) > _MAX_INDEX_DIGITS or not (value.isascii() and value.isdigit()):
        return default
    return int(value)
