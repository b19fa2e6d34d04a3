"""Evidence that shows what was found without showing it.

Evidence is kept for years and read by people who need not know the value. Of a value its form remains; of the text
around it only the names of fields and a few words of grammar do, for any other word may be a value that no rule knows.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter

from waivern.rulesets.detection.detector import Detector
from waivern.rulesets.detection.masking import LONGEST_SHOWN, masked, printable
from waivern.rulesets.engine.spans import Span

_AROUND = {"small": 25, "medium": 80, "large": 250, "full": 1000}
_SIGN_AROUND = re.compile(r"[^\s@.\-/:,;|=\"'`<>{}()\[\]]")
_PIECE_OF_NAME = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W_]")
_GRAMMAR = re.compile(
    r"(?<!\S)(?:a|an|and|are|as|at|by|for|from|in|is|it|not|of|on|or|that|the|this|to|was|with)(?!\S)"
)


class Masker:
    """Makes evidence of one ruleset's findings.

    `context_size` says how much of the line is shown around a value: 25, 80, 250 or (`full`) 1000 characters.
    """

    def __init__(self, detector: Detector, *, context_size: str) -> None:
        self._around = _AROUND[context_size]
        self._shows_matches = detector.ruleset.shows_matches
        terms = [term for rule in detector.ruleset.rules for term in (*rule.field_names.strong, *rule.field_names.weak)]
        self._terms = {word for term in terms for word in (*term.split(), "".join(term.split()))}

    def evidence(self, text: str, span: Span, names: Sequence[Span]) -> str:
        """Return the text around `span`; of all but `names`, those of fields, in order, only the form is shown."""
        first = _line_start(text, span.start, self._around)
        last = _line_end(text, span.end, self._around)
        middle = self._middle(text[span.start : span.end], is_name=span.is_name)
        before = self._context(text, first, span.start, names)
        after = self._context(text, span.end, last, names)
        return printable((before + middle + after).strip())

    def _middle(self, found: str, *, is_name: bool) -> str:
        if self._shows_matches:
            return found[:LONGEST_SHOWN]
        return self._name(found) if is_name else masked(found)

    def _context(self, text: str, first: int, last: int, names: Sequence[Span]) -> str:
        shown = list(_SIGN_AROUND.sub("*", text[first:last]))
        for word in _GRAMMAR.finditer(text, first, last):
            shown[word.start() - first : word.end() - first] = word[0]
        for name in names[bisect_left(names, first, key=_START) : bisect_left(names, last, key=_START)]:
            if name.end <= last:
                shown[name.start - first : name.end - first] = self._name(text[name.start : name.end])
        return "".join(shown)

    def _name(self, name: str) -> str:
        """A field's name, as far as it is made of the ruleset's own words: a value may have been glued to it."""
        return _PIECE_OF_NAME.sub(
            lambda piece: piece[0] if piece[0].lower() in self._terms else "*" * len(piece[0]), name
        )


_START = attrgetter("start")


def _line_start(text: str, start: int, most: int) -> int:
    earliest = max(0, start - most)
    return max(text.rfind("\n", earliest, start), text.rfind("\r", earliest, start), earliest - 1) + 1


def _line_end(text: str, end: int, most: int) -> int:
    latest = min(len(text), end + most)
    return min((place for sign in "\r\n" if (place := text.find(sign, end, latest)) >= 0), default=latest)
