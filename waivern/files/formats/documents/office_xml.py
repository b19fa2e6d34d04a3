"""The XML inside office documents, read event by event without building a tree."""

from collections.abc import Iterator
from typing import Protocol, TypeVar
from zipfile import ZipFile

_PROPERTIES = "docProps/core.xml"
_TEXT_TAGS = frozenset({"t", "delText", "instrText"})
_START_TEXTS = {"tab": "\t", "br": "\n", "cr": "\n"}
_END_TEXTS = {"p": "\n", "tr": "\n", "tc": " | ", "comment": "\n", "threadedComment": "\n"}
_CHUNK_SIZE = 1 << 16
_MAX_CHUNKS = 16
_MAX_NAME_LENGTH = 100


class _Target(Protocol):
    def start(self, tag: str, attributes: dict[str, str]) -> None: ...
    def data(self, text: str) -> None: ...
    def end(self, tag: str) -> None: ...
    def close(self) -> None: ...


_T = TypeVar("_T", bound=_Target)


def text_of(archive: ZipFile, member: str) -> str:
    """Return the text of an XML member: a line per paragraph or table row, with " | " between cells."""
    return "".join(parse(archive, member, _Texts()).texts)


def links_of(archive: ZipFile, member: str) -> list[str]:
    """Return the external addresses that a relationships member lists."""
    return parse(archive, member, _Links()).addresses


def properties_of(archive: ZipFile) -> dict[str, str]:
    """Return the document's properties: its author, who changed it, its title, ..."""
    return parse(archive, _PROPERTIES, _Leaves()).texts if _PROPERTIES in archive.namelist() else {}


def parse(archive: ZipFile, member: str, target: _T) -> _T:
    """Parse an XML member and return the target, which has received its events."""
    for _ in parse_in_steps(archive, member, target):
        pass
    return target


def parse_in_steps(archive: ZipFile, member: str, target: _Target) -> Iterator[None]:
    """Parse an XML member, and yield after each chunk of it.

    expat starts again with a token that a chunk cuts off, so a long token costs its length times the number of chunks:
    there are at most 16.
    """
    from defusedxml.ElementTree import DefusedXMLParser

    parser = DefusedXMLParser(target=target)
    chunk_size = max(_CHUNK_SIZE, -(-archive.getinfo(member).file_size // _MAX_CHUNKS))
    with archive.open(member) as file:
        while chunk := file.read(chunk_size):
            parser.feed(chunk)
            yield
    parser.close()
    yield


class IgnoringTarget:
    """A target that does nothing with the events that a subclass does not handle."""

    def start(self, tag: str, attributes: dict[str, str]) -> None: ...
    def data(self, text: str) -> None: ...
    def end(self, tag: str) -> None: ...
    def close(self) -> None: ...


class _Texts(IgnoringTarget):
    def __init__(self) -> None:
        self.texts: list[str] = []
        self._is_text = False
        self._open_cells = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  called by the parser
        name = local_name(tag)
        self._is_text = name in _TEXT_TAGS
        self._open_cells += name == "tc"
        self.texts.append(_START_TEXTS.get(name, ""))

    def data(self, text: str) -> None:
        if self._is_text:
            self.texts.append(text)

    def end(self, tag: str) -> None:
        name = local_name(tag)
        self._is_text = False
        self._open_cells -= name == "tc"
        is_paragraph_in_cell = name == "p" and self._open_cells > 0
        self.texts.append(" " if is_paragraph_in_cell else _END_TEXTS.get(name, ""))


class _Links(IgnoringTarget):
    def __init__(self) -> None:
        self.addresses: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  called by the parser
        if attributes.get("TargetMode") == "External":
            self.addresses.append(attributes.get("Target", ""))


class _Leaves(IgnoringTarget):
    """Collects the text of elements without children, by element name."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._text: list[str] = []

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str) -> None:
        text = "".join(self._text).strip()
        if text:
            self.texts[local_name(tag)[:_MAX_NAME_LENGTH]] = text
        self._text.clear()


def local_name(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]
