"""Evidence that shows what was found without showing it.

Evidence is kept for years and read by people who need not know the value. Of a value its form remains; of the text
around it only lower-case words and the ruleset's own terms do, for a name or a number that no rule knows may be there.
"""

import re
from collections.abc import Sequence

from waivern.rulesets.detection import Detector
from waivern.rulesets.field_names import words_of
from waivern.rulesets.spans import Span

_AROUND = {"small": 25, "medium": 80, "large": 250, "full": 1000}
_ENOUGH_TO_SHOW_ONE = 6
_SIGN = re.compile(r"[^\W_]")
_TOKEN = re.compile(r"[^\W_](?:[\w.@+-]*[^\W_])?")
_PLAIN_WORD = re.compile(r"[a-z]{1,20}")
_VALUE_OF_KEY = re.compile(r"[\"'`\]]?[ \t]*[:=>][ \t]*[^\n,;}<]{0,200}")
_LONGEST_SHOWN = 64


def masked(value: str) -> str:
    """Return `value` with a star for each letter and digit but the first of six or more; 64 characters at the most."""
    shown = value[:_LONGEST_SHOWN]
    stars = _SIGN.sub("*", shown)
    first = _SIGN.search(shown)
    if first is not None and len(_SIGN.findall(shown)) >= _ENOUGH_TO_SHOW_ONE:
        stars = stars[: first.start()] + first[0] + stars[first.end() :]
    return _printable(stars + ("…" if len(value) > _LONGEST_SHOWN else ""))


def _printable(text: str) -> str:
    """JSON cannot hold half a surrogate pair, and a NUL is of no use to a reader."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


class Masker:
    """Makes evidence of one ruleset's findings.

    `context_size` says how much of the line is shown around a value: 25, 80, 250 or (`full`) 1000 characters.
    """

    def __init__(self, detector: Detector, *, context_size: str) -> None:
        self._around = _AROUND[context_size]
        self._terms = {
            word
            for rule in detector.ruleset.rules
            for term in (*rule.context, *rule.field_names.strong, *rule.field_names.weak)
            for word in term.split()
        }

    def evidence(self, text: str, span: Span, spans: Sequence[Span]) -> str:
        """Return the text around `span`, with all `spans` and whatever may be a value masked."""
        first = text.rfind("\n", max(0, span.start - self._around), span.start) + 1
        first = first or max(0, span.start - self._around)
        last = text.find("\n", span.end, span.end + self._around)
        last = last if last >= 0 else min(len(text), span.end + self._around)
        middle = text[span.start : span.end] if span.is_name else masked(text[span.start : span.end])
        hidden = [other for other in spans if other.start < last and other.end > first and other is not span]
        before = self._context(text, first, span.start, hidden)
        after = self._context(text, span.end, last, hidden, is_behind_name=span.is_name)
        return _printable((before + middle + after).strip())

    def _context(self, text: str, first: int, last: int, spans: Sequence[Span], *, is_behind_name: bool = False) -> str:
        signs = list(text[first:last])
        for start, end in self._to_hide(text, first, last, spans, is_behind_name=is_behind_name):
            for place in range(max(start, first), min(end, last)):
                signs[place - first] = _SIGN.sub("*", signs[place - first])
        return "".join(signs)

    def _to_hide(
        self, text: str, first: int, last: int, spans: Sequence[Span], *, is_behind_name: bool
    ) -> list[tuple[int, int]]:
        names = [span.end for span in spans if span.is_name] + ([first] if is_behind_name else [])
        values = [match.span() for end in names if (match := _VALUE_OF_KEY.match(text, end))]
        values += [(span.start, span.end) for span in spans if not span.is_name]
        values += [match.span() for match in _TOKEN.finditer(text, first, last) if not self._may_show(match, text)]
        return values

    def _may_show(self, token: re.Match[str], text: str) -> bool:
        """A token that the edge cuts may be part of anything."""
        if (token.start() and _SIGN.match(text, token.start() - 1)) or _SIGN.match(text, token.end()):
            return False
        words = words_of(token[0])
        return bool(_PLAIN_WORD.fullmatch(token[0])) or (bool(words) and self._terms.issuperset(words))
