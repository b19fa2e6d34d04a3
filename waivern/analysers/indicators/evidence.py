"""Masked evidence: it shows what was found without revealing it.

Evidence is kept for years and read by people who do not need the values. Only the form of a value is shown. In the text
around it only field names and a few grammatical words are readable, because any other word may be a value that no rule
recognises.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter

from waivern.rulesets.detection.masking import MAX_SHOWN, masked, printable
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.model.ruleset import Ruleset

_CONTEXT_CHARACTERS = {"small": 25, "medium": 80, "large": 250, "full": 1000}
_MASKED_CHARACTER = re.compile(r"[^\s@.\-/:,;|=\"'`<>{}()\[\]]")
_NAME_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W_]")
_GRAMMATICAL_WORD = re.compile(
    r"(?<!\S)(?:a|an|and|are|as|at|by|for|from|in|is|it|not|of|on|or|that|the|this|to|was|with)(?!\S)"
)


class EvidenceMasker:
    """Creates the evidence of one ruleset's findings.

    `context_size` limits the part of the line that is shown on each side of a match: 25, 80, 250 or (`full`) 1000
    characters.
    """

    def __init__(self, ruleset: Ruleset, *, context_size: str) -> None:
        self._context_characters = _CONTEXT_CHARACTERS[context_size]
        self._show_matches = ruleset.show_matches
        terms = [term for rule in ruleset.rules for term in (*rule.field_names.strong, *rule.field_names.weak)]
        self._terms = {word for term in terms for word in (*term.split(), "".join(term.split()))}

    def evidence(self, text: str, span: Span, names: Sequence[Span]) -> str:
        """Return the masked line around `span`. `names` are the sorted spans of field names, which stay readable."""
        first = _line_start(text, span.start, self._context_characters)
        last = _line_end(text, span.end, self._context_characters)
        match = self._masked_match(text[span.start : span.end], is_name=span.is_name)
        before = self._masked_context(text, first, span.start, names)
        after = self._masked_context(text, span.end, last, names)
        return printable((before + match + after).strip())

    def _masked_match(self, match: str, *, is_name: bool) -> str:
        if self._show_matches:
            return match[:MAX_SHOWN]
        return self._masked_name(match) if is_name else masked(match)

    def _masked_context(self, text: str, first: int, last: int, names: Sequence[Span]) -> str:
        shown = list(_MASKED_CHARACTER.sub("*", text[first:last]))
        for word in _GRAMMATICAL_WORD.finditer(text, first, last):
            shown[word.start() - first : word.end() - first] = word[0]
        for name in names[bisect_left(names, first, key=_START) : bisect_left(names, last, key=_START)]:
            if name.end <= last:
                shown[name.start - first : name.end - first] = self._masked_name(text[name.start : name.end])
        return "".join(shown)

    def _masked_name(self, name: str) -> str:
        """Mask the parts of a field name that are not words of the ruleset: a value may be part of the identifier."""
        return _NAME_PART.sub(lambda part: part[0] if part[0].lower() in self._terms else "*" * len(part[0]), name)


_START = attrgetter("start")


def _line_start(text: str, start: int, max_characters: int) -> int:
    earliest = max(0, start - max_characters)
    return max(text.rfind("\n", earliest, start), text.rfind("\r", earliest, start), earliest - 1) + 1


def _line_end(text: str, end: int, max_characters: int) -> int:
    latest = min(len(text), end + max_characters)
    return min((offset for character in "\r\n" if (offset := text.find(character, end, latest)) >= 0), default=latest)
