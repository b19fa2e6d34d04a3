"""Names of fields within text: identifiers in code, keys in JSON and YAML, columns in a CSV's first line, tags, labels.

A word of prose is no field. What makes a word a name is its writing (`first_name`, `firstName`) or the marks around it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from waivern.rulesets.detection.declaration_syntax import is_declared
from waivern.rulesets.detection.field_names import FieldTerms, NamedRule

STRONG = 0.7
WEAK = 0.55
"""Confidence of a name in text; a column's name is surer."""

COMPANY = 200
"""Characters within which a strong name has to stand for a weak one to count."""

_LONGEST_NAME = 64
_LONGEST_HEADER = 4096
_REST_OF_NAME = re.compile(rf"[\w-]{{0,{_LONGEST_NAME}}}")
_COMPOUND = re.compile(r"[^\W_]_[^\W_]|[a-z][A-Z]")
_ASSIGNED = re.compile(r"\??[ \t]*[:=](?![:=])")
_QUOTED_VALUE = re.compile(r"[\"']?[ \t]*[:=][ \t]*[\"']")
_TYPED = re.compile(r"[ \t]+(?:(?i:n?varchar2?|n?char|citext)\b|(?:TEXT|DATE|INTEGER|INT|BIGINT)\b)")
_BEHIND_LABEL = re.compile(rf"[\"'`\]>,;|:=\n\r\0]|[ \t]+[:=,)]|\)|\t|\Z|{_TYPED.pattern}")
"""What stands behind a name of several words: all that `is_key` takes for a sign of one."""
_INSERT_INTO = re.compile(r"\binsert\s+(?:\w+\s+){0,2}into\s+[\w.\"`\[\]]+\s*\Z", re.IGNORECASE)
_TRAILING_WORDS = re.compile(r"(?:[^\W_]+ ){1,3}\Z")
_QUOTES = {'"': '"', "'": "'", "`": "`", "[": "]"}
_SEPARATORS = frozenset(",;\t|")
_GO_ON = frozenset(",)")
_BEGIN = frozenset("(,")
_LINE_END = re.compile(r"[\n\r]")
_LINE_ENDS = frozenset("\n\r\0")


class NamePlace(NamedTuple):
    """A field's name at the characters `start` to `end`, and what it speaks for."""

    start: int
    end: int
    named: NamedRule
    confidence: float
    reason: str


class KeyFinder:
    """Finds field names of a ruleset where the engine says that a term ends."""

    def __init__(self, terms: FieldTerms) -> None:
        self._terms = terms

    def names_in(self, text: str, strong_ends: list[int], weak_ends: list[int]) -> list[NamePlace]:
        """Return the names sorted by where they start, each once."""
        strong = self._found(text, strong_ends, strong=True)
        weak = self._found(text, weak_ends, strong=False) if strong else set()
        company = sorted(start for start, _, _ in strong)
        places = [_strong_place(*each) for each in strong]
        places += [
            _weak_place(*each)
            for each in weak
            if _has_company(text, each[0], company) and not _names_field(text, each[1], company)
        ]
        return sorted(places)

    def _found(self, text: str, ends: list[int], *, strong: bool) -> set[tuple[int, int, NamedRule]]:
        found: set[tuple[int, int, NamedRule]] = set()
        done = -1
        for end in ends:
            if end <= done:
                continue
            last = end if end and _in_name(text[end - 1]) else end - 1
            start, behind = _around(text, last)
            names = self._terms.named_by(text[start:behind])
            named = [each for each in names if each.strong == strong and each.in_text]
            is_attribute = not strong and start > 0 and text[start - 1] == "."  # .name is on everything
            if named and not is_attribute and (_COMPOUND.search(text, start, behind) or is_key(text, start, behind)):
                found.update((start, behind, each) for each in named)
                done = behind
            elif strong:
                found.update(self._of_several_words(text, start, behind))
        return found

    def _of_several_words(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, NamedRule]]:
        """A label such as "First name:": the words before belong to the name where all together are a term."""
        if text[start - 1 : start] != " " or not _BEHIND_LABEL.match(text, end):
            return
        before = _TRAILING_WORDS.search(text, max(0, start - 40), start)
        first = before.start() if before is not None else start
        while first < start:
            phrase = text[first:end]
            named = [each for each in self._terms.named_by(phrase) if each.strong]
            if any(len(each.term.split()) == len(phrase.split()) for each in named) and is_key(text, first, end):
                yield from ((first, end, each) for each in named)
                return
            first = text.index(" ", first) + 1


def is_key(text: str, start: int, end: int) -> bool:
    """Say whether the word from `start` to `end` stands where a field's name does, by the marks around it."""
    before = text[start - 1] if start else "\n"
    after = text[end] if end < len(text) else "\n"
    if _QUOTES.get(before) == after or (before in "</" and after == ">"):
        return True
    if before == "$" or (before == "." and start > 1 and (text[start - 2].isalnum() or text[start - 2] in ")]?")):
        return True
    if _ASSIGNED.match(text, end) or _TYPED.match(text, end):
        return True
    return _is_column(text, start, before, after) or _is_inserted(text, start, end) or is_declared(text, start, end)


def _is_inserted(text: str, start: int, end: int) -> bool:
    """Say whether it is one of the columns that an SQL `INSERT INTO table (...)` names."""
    earliest = max(0, start - _LONGEST_HEADER)
    if text[end : end + 8].lstrip()[:1] not in _GO_ON or text[max(0, start - 64) : start].rstrip()[-1:] not in _BEGIN:
        return False
    list_start = text.rfind("(", earliest, start)
    if list_start < 0 or text.find(")", list_start, start) >= 0:
        return False
    return _INSERT_INTO.search(text, max(0, list_start - 200), list_start) is not None


def _is_column(text: str, start: int, before: str, after: str) -> bool:
    """Say whether it is a cell of the first line of a table written as text."""
    if not (before in _SEPARATORS or after in _SEPARATORS):
        return False
    if not (before in _SEPARATORS or before in _LINE_ENDS) or not (after in _SEPARATORS or after in _LINE_ENDS):
        return False
    text_start = text.rfind("\0", max(0, start - _LONGEST_HEADER - 1), start) + 1
    return (text_start > 0 or start <= _LONGEST_HEADER) and not _LINE_END.search(text, text_start, start)


def _around(text: str, place: int) -> tuple[int, int]:
    """The identifier of which the character before `place` is part."""
    backwards = text[max(0, place - _LONGEST_NAME) : place][::-1]
    start = place - _REST_OF_NAME.match(backwards).end()  # type: ignore[union-attr]  # it matches nothing, too
    return start, _REST_OF_NAME.match(text, place).end()  # type: ignore[union-attr]


def _in_name(character: str) -> bool:
    return character.isalnum() or character in "_-"


def _has_company(text: str, start: int, company: list[int]) -> bool:
    """Say whether one of the places of `company` is near, in the same text."""
    after = bisect_left(company, start)
    neighbours = (sorted((start, other)) for other in company[max(0, after - 1) : after + 1])
    return any(last - first <= COMPANY and "\0" not in text[first:last] for first, last in neighbours)


def _names_field(text: str, end: int, names: list[int]) -> bool:
    """Say whether what a key holds is the name of a field, as in `<input name="email">`."""
    value = _QUOTED_VALUE.match(text, end)
    if value is None:
        return False
    place = bisect_left(names, value.end())
    return place < len(names) and names[place] == value.end()


def _strong_place(start: int, end: int, named: NamedRule) -> NamePlace:
    return NamePlace(start, end, named, STRONG, f"a field is named '{named.term}'")


def _weak_place(start: int, end: int, named: NamedRule) -> NamePlace:
    return NamePlace(start, end, named, WEAK, f"a field is named '{named.term}', beside fields of a person")
