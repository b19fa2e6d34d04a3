"""Field names in text: identifiers in code, keys in JSON and YAML, columns in CSV headers, tags, labels.

A word in prose is not a field name. A name is recognised by its spelling (`first_name`, `firstName`) or by the
characters around it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from waivern.rulesets.detection.declaration_syntax import is_declared
from waivern.rulesets.detection.field_names import FieldNameIndex, TermMatch

STRONG_CONFIDENCE = 0.7
WEAK_CONFIDENCE = 0.55
"""Confidence of a field name in text. The name of a column has a higher one."""

CO_OCCURRENCE_WINDOW = 200
"""A weak field name counts if a strong one is at most this many characters away."""

_MAX_NAME_LENGTH = 64
_MAX_HEADER_LENGTH = 4096
_REST_OF_NAME = re.compile(rf"[\w-]{{0,{_MAX_NAME_LENGTH}}}")
_COMPOUND = re.compile(r"[^\W_]_[^\W_]|[a-z][A-Z]")
_ASSIGNED = re.compile(r"\??[ \t]*[:=](?![:=])")
_QUOTED_VALUE = re.compile(r"[\"']?[ \t]*[:=][ \t]*[\"']")
_TYPED = re.compile(r"[ \t]+(?:(?i:n?varchar2?|n?char|citext)\b|(?:TEXT|DATE|INTEGER|INT|BIGINT)\b)")
_AFTER_LABEL = re.compile(rf"[\"'`\]>,;|:=\n\r\0]|[ \t]+[:=,)]|\)|\t|\Z|{_TYPED.pattern}")
"""What may follow a name of several words: everything by which `is_key` recognises a key."""
_INSERT_INTO = re.compile(r"\binsert\s+(?:\w+\s+){0,2}into\s+[\w.\"`\[\]]+\s*\Z")
"""Matched in lower-case text, because Python finds a literal prefix faster than letters in any case."""
_TRAILING_WORDS = re.compile(r"(?:[^\W_]+ ){1,3}\Z")
_CLOSING_QUOTES = {'"': '"', "'": "'", "`": "`", "[": "]"}
_SEPARATORS = frozenset(",;\t|")
_AFTER_COLUMN = frozenset(",)")
_BEFORE_COLUMN = frozenset("(,")
_LINE_END = re.compile(r"[\n\r]")
_LINE_ENDS = frozenset("\n\r\0")


class FieldNameMatch(NamedTuple):
    """A field name at the characters `start` to `end`, and the rule that it matches."""

    start: int
    end: int
    term: TermMatch
    confidence: float
    reason: str


class FieldNameFinder:
    """Finds the field names of a ruleset, given where the engine found that terms end."""

    def __init__(self, index: FieldNameIndex) -> None:
        self._index = index

    def find(self, text: str, strong_ends: list[int], weak_ends: list[int]) -> list[FieldNameMatch]:
        """Return the distinct field names, sorted by start."""
        strong = self._find_terms(text, strong_ends, strong=True)
        weak = self._find_terms(text, weak_ends, strong=False) if strong else set()
        strong_starts = sorted(start for start, _, _ in strong)
        matches = [_strong_match(start, end, term) for start, end, term in strong]
        matches += [
            _weak_match(start, end, term)
            for start, end, term in weak
            if _is_near_strong_name(text, start, strong_starts) and not _value_is_field_name(text, end, strong_starts)
        ]
        return sorted(matches)

    def _find_terms(self, text: str, ends: list[int], *, strong: bool) -> set[tuple[int, int, TermMatch]]:
        found: set[tuple[int, int, TermMatch]] = set()
        found_until = -1
        for end in ends:
            if end <= found_until:
                continue
            last = end if end and _is_name_character(text[end - 1]) else end - 1
            name_start, name_end = _identifier_at(text, last)
            matches = self._index.match(text[name_start:name_end])
            terms = [term for term in matches if term.strong == strong and term.in_text]
            # a weak name after a dot is too common: many objects have an attribute .name
            is_attribute = not strong and name_start > 0 and text[name_start - 1] == "."
            if terms and not is_attribute and _is_field_name(text, name_start, name_end):
                found.update((name_start, name_end, term) for term in terms)
                found_until = name_end
            elif strong:
                found.update(self._find_label(text, name_start, name_end))
        return found

    def _find_label(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, TermMatch]]:
        """Yield the strong terms of a label such as "First name:", whose last word is at `start` to `end`."""
        if text[start - 1 : start] != " " or not _AFTER_LABEL.match(text, end):
            return
        preceding = _TRAILING_WORDS.search(text, max(0, start - 40), start)
        first = preceding.start() if preceding is not None else start
        while first < start:
            phrase = text[first:end]
            terms = [term for term in self._index.match(phrase) if term.strong]
            if any(len(term.term.split()) == len(phrase.split()) for term in terms) and is_key(text, first, end):
                yield from ((first, end, term) for term in terms)
                return
            first = text.index(" ", first) + 1


def _is_field_name(text: str, start: int, end: int) -> bool:
    return _COMPOUND.search(text, start, end) is not None or is_key(text, start, end)


def is_key(text: str, start: int, end: int) -> bool:
    """Return whether the characters around a word show that it is the name of a field."""
    before = text[start - 1] if start else "\n"
    after = text[end] if end < len(text) else "\n"
    if _CLOSING_QUOTES.get(before) == after or (before in "</" and after == ">"):
        return True
    if before == "$" or (before == "." and start > 1 and (text[start - 2].isalnum() or text[start - 2] in ")]?")):
        return True
    if _ASSIGNED.match(text, end) or _TYPED.match(text, end):
        return True
    return (
        _is_header_column(text, start, before, after)
        or _is_insert_column(text, start, end)
        or is_declared(text, start, end)
    )


def _is_insert_column(text: str, start: int, end: int) -> bool:
    """Return whether a word is one of the columns in an SQL `INSERT INTO table (...)`."""
    if text[end : end + 8].lstrip()[:1] not in _AFTER_COLUMN:
        return False
    if text[max(0, start - 64) : start].rstrip()[-1:] not in _BEFORE_COLUMN:
        return False
    list_start = text.rfind("(", max(0, start - _MAX_HEADER_LENGTH), start)
    if list_start < 0 or text.find(")", list_start, start) >= 0:
        return False
    return _INSERT_INTO.search(text[max(0, list_start - 200) : list_start].lower()) is not None


def _is_header_column(text: str, start: int, before: str, after: str) -> bool:
    """Return whether a word is a cell in the first line of a delimited text."""
    if not (before in _SEPARATORS or after in _SEPARATORS):
        return False
    if not (before in _SEPARATORS or before in _LINE_ENDS) or not (after in _SEPARATORS or after in _LINE_ENDS):
        return False
    text_start = text.rfind("\0", max(0, start - _MAX_HEADER_LENGTH - 1), start) + 1
    return (text_start > 0 or start <= _MAX_HEADER_LENGTH) and not _LINE_END.search(text, text_start, start)


def _identifier_at(text: str, offset: int) -> tuple[int, int]:
    """Return the start and end of the identifier that contains the character before `offset`."""
    reversed_start = text[max(0, offset - _MAX_NAME_LENGTH) : offset][::-1]
    start = offset - _REST_OF_NAME.match(reversed_start).end()  # type: ignore[union-attr]  # it also matches nothing
    return start, _REST_OF_NAME.match(text, offset).end()  # type: ignore[union-attr]


def _is_name_character(character: str) -> bool:
    return character.isalnum() or character in "_-"


def _is_near_strong_name(text: str, start: int, strong_starts: list[int]) -> bool:
    """Return whether the nearest strong name before or after `start` is close enough and in the same text."""
    after = bisect_left(strong_starts, start)
    neighbours = (sorted((start, other)) for other in strong_starts[max(0, after - 1) : after + 1])
    return any(last - first <= CO_OCCURRENCE_WINDOW and "\0" not in text[first:last] for first, last in neighbours)


def _value_is_field_name(text: str, end: int, strong_starts: list[int]) -> bool:
    """Return whether the value of a key is itself a field name, as in `<input name="email">`."""
    value = _QUOTED_VALUE.match(text, end)
    if value is None:
        return False
    nearest = bisect_left(strong_starts, value.end())
    return nearest < len(strong_starts) and strong_starts[nearest] == value.end()


def _strong_match(start: int, end: int, term: TermMatch) -> FieldNameMatch:
    return FieldNameMatch(start, end, term, STRONG_CONFIDENCE, f"a field is named '{term.term}'")


def _weak_match(start: int, end: int, term: TermMatch) -> FieldNameMatch:
    reason = f"a field is named '{term.term}', near other fields of a person"
    return FieldNameMatch(start, end, term, WEAK_CONFIDENCE, reason)
