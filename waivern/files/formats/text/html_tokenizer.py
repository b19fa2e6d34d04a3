"""Splits HTML into tags, texts and comments in one pass, in time proportional to its length.

The standard library's parser takes minutes for 100 kB of tags that are never closed, so anybody who can put a file into
a scanned folder could block the scan.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

_TAG = re.compile(r"</?([A-Za-z][^\s/>]*)")
_BLANKS = re.compile(r"[\s/]*")
_KEY = re.compile(r"=?[^\s=>/]*")
_EQUALS = re.compile(r"\s*=\s*")
_UNQUOTED_VALUE = re.compile(r"[^\s>]*")
_END_OF_RAW_TEXT = {name: re.compile(rf"</{name}", re.IGNORECASE) for name in ("script", "style", "textarea", "title")}


@dataclass(frozen=True)
class Token:
    """A piece of a page: a "text", "comment", "declaration", "script", "style", or a "tag" with its attributes."""

    kind: str
    start: int
    text: str
    name: str = ""
    attributes: list[tuple[str, str]] = field(default_factory=list)


class HtmlTokens:
    """The tokens of a page, in order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._not_found_after: dict[str, int] = {}

    def __iter__(self) -> Iterator[Token]:
        text, at = self._text, 0
        while at < len(text):
            start = self._find("<", at)
            if start > at:
                yield Token("text", at, unescape(text[at:start]))
            if start >= len(text):
                return
            at = start
            if text.startswith("<!--", at):
                end = self._find("-->", at + 4)
                yield Token("comment", at, text[at + 4 : end])
                at = end + 3
            elif text.startswith(("<!", "<?"), at):
                mark = "?>" if text[at + 1] == "?" else ">"
                end = self._find(mark, at)
                yield Token("comment" if mark == "?>" else "declaration", at, text[at + 2 : end])
                at = end + len(mark)
            elif (tag := _TAG.match(text, at)) is not None:
                at, attributes = self._attributes(tag.end())
                name = tag[1].lower()
                yield Token("tag", start, text[start:at], name, attributes)
                if name in _END_OF_RAW_TEXT and text[start + 1] != "/":
                    end = self._raw_text_end(name, at)
                    is_code = name in ("script", "style")
                    yield Token(name if is_code else "text", at, text[at:end] if is_code else unescape(text[at:end]))
                    at = end
            else:
                yield Token("text", at, "<")
                at += 1

    def _attributes(self, at: int) -> tuple[int, list[tuple[str, str]]]:
        """Return where the tag ends, and its attributes."""
        text = self._text
        found: list[tuple[str, str]] = []
        while True:
            at = self._end_of(_BLANKS, at)
            if at >= len(text) or text[at] == ">":
                return at + 1, found
            end = self._end_of(_KEY, at)
            key, at = text[at:end].lower(), end
            equals = _EQUALS.match(text, at)
            value = ""
            if equals is not None:
                value, at = self._value(equals.end())
            found.append((key, unescape(value)))

    def _value(self, at: int) -> tuple[str, int]:
        quote = self._text[at : at + 1]
        if quote in ("'", '"') and quote:
            end = self._find(quote, at + 1)
            if end < len(self._text):
                return self._text[at + 1 : end], end + 1
        end = self._end_of(_UNQUOTED_VALUE, at)
        return self._text[at:end], end

    def _raw_text_end(self, name: str, at: int) -> int:
        if self._not_found_after.get(name, len(self._text)) <= at:
            return len(self._text)
        found = _END_OF_RAW_TEXT[name].search(self._text, at)
        if found is None:
            self._not_found_after[name] = at
            return len(self._text)
        return found.start()

    def _find(self, mark: str, at: int) -> int:
        """Return the next position of the mark, or the text's end.

        A failed search is remembered: searching to the end again for each tag would take quadratic time.
        """
        if self._not_found_after.get(mark, len(self._text)) <= at:
            return len(self._text)
        found = self._text.find(mark, at)
        if found < 0:
            self._not_found_after[mark] = at
            return len(self._text)
        return found

    def _end_of(self, pattern: re.Pattern[str], at: int) -> int:
        match = pattern.match(self._text, at)
        return at if match is None else match.end()
