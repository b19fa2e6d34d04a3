"""The XML inside office documents, read event by event: no tree is built of it."""

from typing import Protocol, TypeVar
from zipfile import ZipFile

_PROPERTIES = "docProps/core.xml"
_TEXTS = frozenset({"t", "delText", "instrText"})
_BEGINS = {"tab": "\t", "br": "\n", "cr": "\n"}
_ENDS = {"p": "\n", "tr": "\n", "tc": " | ", "comment": "\n", "threadedComment": "\n"}
_CHUNK = 1 << 16


class _Target(Protocol):
    def start(self, tag: str, attributes: dict[str, str]) -> None: ...
    def data(self, text: str) -> None: ...
    def end(self, tag: str) -> None: ...
    def close(self) -> None: ...


_T = TypeVar("_T", bound=_Target)


def text_of(archive: ZipFile, member: str) -> str:
    """Return the text of an XML member: a paragraph or a row of a table is a line, cells have " | " between them."""
    return "".join(_taken(archive, member, _Texts()).pieces)


def links_of(archive: ZipFile, member: str) -> list[str]:
    """Return the addresses outside of the document that a member with relationships names."""
    return _taken(archive, member, _Links()).found


def properties_of(archive: ZipFile) -> dict[str, str]:
    """Return what a document says of itself: who made it, who changed it, its title, ..."""
    return _taken(archive, _PROPERTIES, _Leaves()).found if _PROPERTIES in archive.namelist() else {}


def _taken(archive: ZipFile, member: str, target: _T) -> _T:
    from defusedxml.ElementTree import DefusedXMLParser

    parser = DefusedXMLParser(target=target)
    with archive.open(member) as file:
        while chunk := file.read(_CHUNK):
            parser.feed(chunk)
    parser.close()
    return target


class _Silent:
    def start(self, tag: str, attributes: dict[str, str]) -> None: ...
    def data(self, text: str) -> None: ...
    def end(self, tag: str) -> None: ...
    def close(self) -> None: ...


class _Texts(_Silent):
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._is_text = False
        self._cells = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  a parser calls it
        name = _local(tag)
        self._is_text = name in _TEXTS
        self._cells += name == "tc"
        self.pieces.append(_BEGINS.get(name, ""))

    def data(self, text: str) -> None:
        if self._is_text:
            self.pieces.append(text)

    def end(self, tag: str) -> None:
        name = _local(tag)
        self._is_text = False
        self._cells -= name == "tc"
        within_cell = name == "p" and self._cells > 0
        self.pieces.append(" " if within_cell else _ENDS.get(name, ""))


class _Links(_Silent):
    def __init__(self) -> None:
        self.found: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  a parser calls it
        if attributes.get("TargetMode") == "External":
            self.found.append(attributes.get("Target", ""))


class _Leaves(_Silent):
    """Each element's text is gathered anew, so only those hold one that hold no element."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._text = ""

    def data(self, text: str) -> None:
        self._text += text

    def end(self, tag: str) -> None:
        if self._text.strip():
            self.found[_local(tag)] = self._text.strip()
        self._text = ""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
