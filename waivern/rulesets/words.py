"""Words that say a thing in prose and in names: "credit check", `credit_check`, `creditCheck`."""

import re
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from waivern.rulesets.field_names import in_bytes
from waivern.rulesets.rule import Rule, Words
from waivern.rulesets.ruleset import Ruleset
from waivern.rulesets.spans import Span

_BETWEEN = ("", " ", "_", "-")
_IN_NAME = re.compile(r"_|[a-z][A-Z]")
_REASON = "the word '{}'"


class _Form(NamedTuple):
    """A writing of a term, lower-case."""

    text: str
    term: str


class _ReadyWords(NamedTuple):
    """A rule's words with all that a hit needs made ready; the longest forms come first."""

    rule: Rule
    alone: float | None
    in_context: float
    forms: Sequence[_Form]
    longest: int


class WordFinder:
    """Finds the words of a ruleset where the engine says that one may end."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.rules = [number for number, rule in enumerate(ruleset.rules) if rule.words is not None]
        self._words = [_ready(ruleset.rules[number]) for number in self.rules]

    def regexes(self) -> list[list[str]]:
        """Return for each rule of `rules` what finds where its words may end."""
        return [[_regex(form) for form in _regex_terms(words.rule)] for words in self._words]

    def spans(
        self, text: str, ends: Sequence[Sequence[int]], is_near: Callable[[int, int, int], bool]
    ) -> Iterator[Span]:
        """Yield what is found, with offsets in `text`; no word that is part of a longer one that is found.

        Args:
            text: In which the engine found the ends.
            ends: Of each rule of `rules`.
            is_near: Says of (rule, start, end) whether a word near by speaks for the rule.
        """
        reach = -1
        for start, last, number, words, form in sorted(self._places(text, ends), key=itemgetter(0, 1, 2)):
            end = -last
            if end <= reach:
                continue
            reach = end
            is_named = _is_part_of_name(text, start, end)
            sure = is_named or is_near(number, start, end)
            confidence = words.in_context if sure else words.alone
            if confidence is not None:
                yield _span(words.rule, start, end, form.term, confidence, is_named=is_named)

    def _places(self, text: str, ends: Sequence[Sequence[int]]) -> Iterator[tuple[int, int, int, _ReadyWords, _Form]]:
        """Yield (start, -end, rule, ...): sorted, the longer of two that begin alike comes first."""
        for number, words, of_rule in zip(self.rules, self._words, ends, strict=True):
            for end in of_rule:
                form = _form_at(words, text, end)
                if form is not None:
                    yield end - len(form.text), -end, number, words, form


def _span(rule: Rule, start: int, end: int, term: str, confidence: float, *, is_named: bool) -> Span:
    reason = _REASON.format(term)
    reasons = (reason, "it is part of a name") if is_named else (reason,)
    return Span(start, end, rule.category, rule.name, term, confidence, reasons)


def _form_at(words: _ReadyWords, text: str, end: int) -> _Form | None:
    """The longest form that ends there as a word, or as a part of a name in snake or camel case."""
    if not _ends_there(text, end):
        return None
    tail = text[max(0, end - words.longest) : end].lower()
    for form in words.forms:
        if tail.endswith(form.text) and _begins_there(text, end - len(form.text)):
            return form
    return None


def _begins_there(text: str, start: int) -> bool:
    before = text[start - 1] if start else " "
    return not before.isalnum() or (text[start].isupper() and not before.isupper())


def _ends_there(text: str, end: int) -> bool:
    after = text[end] if end < len(text) else " "
    return not after.isalnum() or (after.isupper() and text[end - 1].islower()) or after.isdigit()


def _is_part_of_name(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    return (
        before == "_" or after == "_" or before.isalnum() or after.isalnum() or bool(_IN_NAME.search(text, start, end))
    )


def _ready(rule: Rule) -> _ReadyWords:
    words: Words = rule.words  # type: ignore[assignment]  # only rules with words come here
    forms = {
        between.join(form.split()): term
        for term in words.terms
        for form in (term, plural(term))
        for between in (_BETWEEN if " " in term else ("",))
    }
    in_order = [_Form(text, forms[text]) for text in sorted(forms, key=lambda text: (-len(text), text))]
    confidence = words.confidence
    return _ReadyWords(rule, confidence.alone, confidence.in_context, in_order, len(in_order[0].text))


def plural(term: str) -> str:
    """Return the plural as English makes it, near enough: "parties", "branches", "users"."""
    if term.endswith("y") and term[-2:-1] not in "aeiou":
        return f"{term[:-1]}ies"
    return f"{term}es" if term.endswith(("s", "x", "ch", "sh")) else f"{term}s"


def _regex_terms(rule: Rule) -> list[str]:
    words: Words = rule.words  # type: ignore[assignment]
    forms = {form for term in words.terms for form in (term, plural(term))}
    return sorted(forms, key=lambda form: (-len(form), form))  # RE2 takes the first that fits


def _regex(form: str) -> str:
    return "(?i)" + "[ _-]?".join(in_bytes(word) for word in form.split())
