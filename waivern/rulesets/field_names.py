"""What a column, key or identifier is called, and which rules say that such a name holds personal data."""

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from waivern.rulesets.engine import Edges, Word
from waivern.rulesets.ruleset import Ruleset

_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LONGEST_TERM = 4
_SHORT = 4
_REMEMBERED = 65_536


class NamedRule(NamedTuple):
    """A rule (its index in the ruleset) that a name speaks for, and the term that says so.

    `strong` is whether it does so alone, `in_text` whether it does so elsewhere than in the name of a column.
    """

    rule: int
    term: str
    strong: bool
    in_text: bool = True


def words_of(name: str) -> list[str]:
    """Split `first_name`, `firstName`, `FIRST-NAME` or "First name" into lower-case words."""
    return [word.lower() for word in _WORD.findall(_HUMP.sub(" ", name))]


class FieldTerms:
    """The field names of a ruleset, ready to be looked up."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._other_things = ruleset.other_things
        self._other_owners = ruleset.other_owners
        self._person_words = ruleset.person_tables
        self._of_term: dict[str, list[NamedRule]] = defaultdict(list)
        self._terms: dict[bool, list[str]] = {True: [], False: []}
        for number, rule in enumerate(ruleset.rules):
            for strong, terms in ((True, rule.field_names.strong), (False, rule.field_names.weak)):
                for term in terms:
                    self._of_term[term.replace(" ", "")].append(NamedRule(number, term, strong))
                    self._terms[strong].append(term)
            for term in rule.field_names.of_columns:
                self._of_term[term.replace(" ", "")].append(NamedRule(number, term, strong=False, in_text=False))
        self.named_by = functools.lru_cache(_REMEMBERED)(self._named_by)

    def says_person(self, table: str) -> bool:
        """Say whether a table's name is about people ("customers", "UserAccounts")."""
        words = words_of(table)
        return bool(words) and any(
            form in self._person_words for word in (words[0], words[-1]) for form in _singular(word)
        )

    def strong_words(self) -> list[Word]:
        """Return what finds places at which a strong term may end, in any writing."""
        found_in_all = [term for term in self._terms[True] if " " not in term and len(term) > _SHORT]
        return sorted({word for term in self._terms[True] for word in _writings(term, found_in_all)})

    def weak_words(self) -> list[Word]:
        """Return what finds weak terms that a mark follows, as it does a key or the name of a column."""
        forms = {word.text for term in self._terms[False] for word in _writings(term, []) if not word.exact}
        return [Word(form, Edges.KEY) for form in sorted(forms)]

    def _named_by(self, name: str) -> tuple[NamedRule, ...]:
        """Return what `name` speaks for: its longest terms; none where its last word makes it another thing."""
        words = words_of(name)
        while words and words[-1].isdigit():  # address2
            words.pop()
        found: dict[int, NamedRule] = {}
        taken: set[int] = set()
        for length in range(min(_LONGEST_TERM, len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                place = set(range(start, start + length))
                named = () if place & taken else self._named_by_words(words[start : start + length])
                for each in named:
                    found.setdefault(each.rule, each)
                    taken |= place
        if not words:
            return ()
        if len(words) > 1 and words[-1] in self._other_things and len(words) - 1 not in taken:
            return ()
        of_another = words[0] in self._other_owners and 0 not in taken
        return tuple(each for each in found.values() if each.strong or not of_another)

    def _named_by_words(self, words: Sequence[str]) -> Iterable[NamedRule]:
        joined = "".join(words)
        return next((self._of_term[form] for form in _singular(joined) if form in self._of_term), ())


def _singular(word: str) -> list[str]:
    """The word, and what it may be the plural of."""
    forms = [word]
    if word.endswith("ies"):
        forms.append(word[:-3] + "y")
    if word.endswith("es"):
        forms.append(word[:-2])
    if word.endswith("s"):
        forms.append(word[:-1])
    return forms


def _writings(term: str, found_in_all: Iterable[str]) -> Iterator[Word]:
    """Yield what finds the ends of `term`.

    An identifier that holds one of `found_in_all` is looked at as a whole anyway.
    """
    words = term.split()
    if len(words) == 1:  # a short word is part of many others (age, usage)
        yield Word(term, Edges.ANY if len(term) > _SHORT else Edges.WHOLE)
        if len(term) <= _SHORT:  # in userSsn it has no boundary
            yield Word(term.title(), exact=True)
        return
    yield Word(term)
    for between in ("", "_", "-"):
        if not any(other in between.join(words) for other in found_in_all):
            yield Word(between.join(words))
