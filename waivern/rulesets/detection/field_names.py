"""What a column, key or identifier is called, and which rules say that such a name holds personal data."""

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from waivern.rulesets.engine.pattern_engine import Edges, Word
from waivern.rulesets.model.ruleset import Ruleset

_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LONGEST_TERM = 4
_SHORT = 4
_REMEMBERED = 65_536


class NamedRule(NamedTuple):
    """A rule (its index in the ruleset) that a name speaks for, and the term that says so.

    `strong` is whether it does so alone, `in_text` whether it does so elsewhere than in the name of a column, and
    `beside_people` whether it does so in any table that holds people or only in one that is called after them.
    """

    rule: int
    term: str
    strong: bool
    in_text: bool = True
    beside_people: bool = True


def words_of(name: str) -> list[str]:
    """Split `first_name`, `firstName`, `FIRST-NAME` or "First name" into lower-case words."""
    return [word.lower() for word in _WORD.findall(_HUMP.sub(" ", name))]


def unaccented(text: str) -> str:
    """Return "prenom" for "prénom", as columns are often called."""
    if text.isascii():
        return text
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


class FieldTerms:
    """The field names of a ruleset, ready to be looked up."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._other_things = ruleset.other_things
        self._other_owners = ruleset.other_owners
        self._limits = ruleset.limits
        self._person_words = frozenset(map(unaccented, ruleset.person_tables))
        self._contact_words = frozenset(map(unaccented, ruleset.contact_tables))
        self._firm_words = frozenset(map(unaccented, ruleset.firm_tables))
        self._of_term: dict[str, list[NamedRule]] = defaultdict(list)
        self._terms: dict[bool, list[str]] = {True: [], False: []}
        for number, rule in enumerate(ruleset.rules):
            names = rule.field_names
            self._know(names.strong, NamedRule(number, "", strong=True))
            self._know(names.weak, NamedRule(number, "", strong=False))
            self._know(names.of_columns, NamedRule(number, "", strong=False, in_text=False))
            self._know(names.of_person_tables, NamedRule(number, "", strong=False, in_text=False, beside_people=False))
        self.named_by = functools.lru_cache(_REMEMBERED)(self._named_by)

    def _know(self, terms: Iterable[str], named: NamedRule) -> None:
        for term in terms:
            self._of_term[unaccented(term.replace(" ", ""))].append(named._replace(term=term))
            if named.in_text:
                self._terms[named.strong].append(term)

    def says_person(self, table: str) -> bool:
        """Say whether a table's name is about people ("customers", "UserAccounts", "addresses")."""
        words = words_of(unaccented(table))
        if not words:
            return False
        is_of_person = any(form in self._person_words for word in (words[0], words[-1]) for form in _singular(word))
        return is_of_person or (_is_one_of(self._contact_words, words[-1]) and words[0] not in self._other_owners)

    def says_firm(self, table: str) -> bool:
        """Say whether a table's name is about firms or places ("suppliers", "store_locations")."""
        words = words_of(unaccented(table))
        return bool(words) and _is_one_of(self._firm_words, words[-1])

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
        words = [word for word in words_of(name) if not word.isdigit()]  # address2, icd10_code
        found: dict[int, NamedRule] = {}
        taken: set[int] = set()
        for length in range(min(_LONGEST_TERM, len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                place = set(range(start, start + length))
                named = () if place & taken else self._named_by_words(words[start : start + length])
                for each in named:
                    found.setdefault(each.rule, each)
                    taken |= place
        if not words or (len(words) > 1 and words[0] in self._limits and 0 not in taken):
            return ()
        if len(words) > 1 and words[-1] in self._other_things and len(words) - 1 not in taken:
            return ()
        of_another = words[0] in self._other_owners and 0 not in taken
        return tuple(each for each in found.values() if each.strong or not of_another)

    def _named_by_words(self, words: Sequence[str]) -> Iterable[NamedRule]:
        joined = unaccented("".join(words))
        return next((self._of_term[form] for form in _singular(joined) if form in self._of_term), ())


def _is_one_of(known: Container[str], word: str) -> bool:
    return any(form in known for form in _singular(word))


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
