"""The XML inside office documents, read event by event without building a tree."""

from typing import Protocol, TypeVar
from zipfile import ZipFile

_PROPERTIES = "docProps/core.xml"
_TEXT_TAGS = frozenset({"t", "delText", "instrText"})
_START_TEXTS = {"tab": "\t", "br": "\n", "cr": "\n"}
_END_TEXTS = {"p": "\n", "tr": "\n", "tc": " | ", "comment": "\n", "threadedComment": "\n"}
_CHUNK_SIZE = 1 << 16


class _Target(Protocol):
    def start(self, tag: str, attributes: dict[str, str]) -> None: ...
    def data(self, text: str) -> None: ...
    def end(self, tag: str) -> None: ...
    def close(self) -> None: ...


_T = TypeVar("_T", bound=_Target)


def text_of(archive: ZipFile, member: str) -> str:
    """Return the text of an XML member: a line per paragraph or table row, with " | " between cells."""
    return "".join(_parse(archive, member, _Texts()).texts)


def links_of(archive: ZipFile, member: str) -> list[str]:
    """Return the external addresses that a relationships member lists."""
    return _parse(archive, member, _Links()).addresses


def properties_of(archive: ZipFile) -> dict[str, str]:
    """Return the document's properties: its author, who changed it, its title, ..."""
    return _parse(archive, _PROPERTIES, _Leaves()).texts if _PROPERTIES in archive.namelist() else {}


def _parse(archive: ZipFile, member: str, target: _T) -> _T:
    from defusedxml.ElementTree import DefusedXMLParser

    parser = DefusedXMLParser(target=target)
    with archive.open(member) as file:
        while chunk := file.read(_CHUNK_SIZE):
            parser.feed(chunk)
    parser.close()
    return target


class _IgnoringTarget:
    def start(self, tag: str, attributes: dict[str, str]) -> None: ...
    def data(self, text: str) -> None: ...
    def end(self, tag: str) -> None: ...
    def close(self) -> None: ...


class _Texts(_IgnoringTarget):
    def __init__(self) -> None:
        self.texts: list[str] = []
        self._is_text = False
        self._open_cells = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  called by the parser
        name = _local_name(tag)
        self._is_text = name in _TEXT_TAGS
        self._open_cells += name == "tc"
        self.texts.append(_START_TEXTS.get(name, ""))

    def data(self, text: str) -> None:
        if self._is_text:
            self.texts.append(text)

    def end(self, tag: str) -> None:
        name = _local_name(tag)
        self._is_text = False
        self._open_cells -= name == "tc"
        is_paragraph_in_cell = name == "p" and self._open_cells > 0
        self.texts.append(" " if is_paragraph_in_cell else _END_TEXTS.get(name, ""))


class _Links(_IgnoringTarget):
    def __init__(self) -> None:
        self.addresses: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  called by the parser
        if attributes.get("TargetMode") == "External":
            self.addresses.append(attributes.get("Target", ""))


class _Leaves(_IgnoringTarget):
    """Collects the text of elements without children, by element name."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._text = ""

    def data(self, text: str) -> None:
        self._text += text

    def end(self, tag: str) -> None:
        if self._text.strip():
            self.texts[_local_name(tag)] = self._text.strip()
        self._text = ""


def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]
