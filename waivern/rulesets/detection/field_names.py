"""Names of columns, keys and identifiers, and the rules that match them."""

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from waivern.rulesets.engine.pattern_engine import Boundary, Word
from waivern.rulesets.model.ruleset import Ruleset

_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL_CASE_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MAX_WORDS = 4
_SHORT = 4
_CACHE_SIZE = 65_536


class TermMatch(NamedTuple):
    """A rule (its index in the ruleset) whose field names match a name, and the term that matches.

    Args:
        rule: The index of the rule.
        term: The matching term.
        strong: Whether the term counts anywhere.
        in_text: Whether the term also counts outside of column names.
        in_any_person_table: Whether the term counts in every table about people, or only in one named after people.
    """

    rule: int
    term: str
    strong: bool
    in_text: bool = True
    in_any_person_table: bool = True


def split_words(name: str) -> list[str]:
    """Split `first_name`, `firstName`, `FIRST-NAME` or "First name" into lower-case words."""
    return [word.lower() for word in _WORD.findall(_CAMEL_CASE_BOUNDARY.sub(" ", name))]


def without_accents(text: str) -> str:
    """Return "prenom" for "prénom": column names often have no accents."""
    if text.isascii():
        return text
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


class FieldNameIndex:
    """The field names of a ruleset, indexed for lookup."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._non_personal_suffixes = ruleset.non_personal_suffixes
        self._non_personal_prefixes = ruleset.non_personal_prefixes
        self._qualifier_prefixes = ruleset.qualifier_prefixes
        self._person_words = frozenset(map(without_accents, ruleset.person_tables))
        self._contact_words = frozenset(map(without_accents, ruleset.contact_tables))
        self._organisation_words = frozenset(map(without_accents, ruleset.organisation_tables))
        self._by_term: dict[str, list[TermMatch]] = defaultdict(list)
        self._terms: dict[bool, list[str]] = {True: [], False: []}
        for number, rule in enumerate(ruleset.rules):
            names = rule.field_names
            self._add(names.strong, TermMatch(number, "", strong=True))
            self._add(names.weak, TermMatch(number, "", strong=False))
            self._add(names.weak_columns, TermMatch(number, "", strong=False, in_text=False))
            self._add(
                names.person_table_columns,
                TermMatch(number, "", strong=False, in_text=False, in_any_person_table=False),
            )
        self.match = functools.lru_cache(_CACHE_SIZE)(self._match)

    def _add(self, terms: Iterable[str], template: TermMatch) -> None:
        for term in terms:
            self._by_term[without_accents(term.replace(" ", ""))].append(template._replace(term=term))
            if template.in_text:
                self._terms[template.strong].append(term)

    def is_person_table(self, table: str) -> bool:
        """Return whether a table's name is about people ("customers", "UserAccounts", "addresses")."""
        words = split_words(without_accents(table))
        if not words:
            return False
        if any(form in self._person_words for word in (words[0], words[-1]) for form in _singular_forms(word)):
            return True
        return _contains(self._contact_words, words[-1]) and words[0] not in self._non_personal_prefixes

    def is_organisation_table(self, table: str) -> bool:
        """Return whether a table's name is about organisations or places ("suppliers", "store_locations")."""
        words = split_words(without_accents(table))
        return bool(words) and _contains(self._organisation_words, words[-1])

    def strong_words(self) -> list[Word]:
        """Return the engine words that find where a strong term may end, in any spelling."""
        always_found = [term for term in self._terms[True] if " " not in term and len(term) > _SHORT]
        return sorted({word for term in self._terms[True] for word in _spellings(term, always_found)})

    def weak_words(self) -> list[Word]:
        """Return the engine words that find weak terms that are followed by a mark, like a key or a column name."""
        spellings = {
            word.text for term in self._terms[False] for word in _spellings(term, []) if not word.case_sensitive
        }
        return [Word(spelling, Boundary.KEY) for spelling in sorted(spellings)]

    def _match(self, name: str) -> tuple[TermMatch, ...]:
        """Return the matches of the longest terms in `name`; none if a prefix or suffix changes its meaning."""
        words = [word for word in split_words(name) if not word.isdigit()]  # address2, icd10_code
        found: dict[int, TermMatch] = {}
        matched: set[int] = set()
        for length in range(min(_MAX_WORDS, len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                positions = set(range(start, start + length))
                matches = () if positions & matched else self._lookup(words[start : start + length])
                for match in matches:
                    found.setdefault(match.rule, match)
                    matched |= positions
        if not words or (len(words) > 1 and words[0] in self._qualifier_prefixes and 0 not in matched):
            return ()
        if len(words) > 1 and words[-1] in self._non_personal_suffixes and len(words) - 1 not in matched:
            return ()
        is_non_personal = words[0] in self._non_personal_prefixes and 0 not in matched
        return tuple(match for match in found.values() if match.strong or not is_non_personal)

    def _lookup(self, words: Sequence[str]) -> Iterable[TermMatch]:
        joined = without_accents("".join(words))
        return next((self._by_term[form] for form in _singular_forms(joined) if form in self._by_term), ())


def _contains(known: Container[str], word: str) -> bool:
    return any(form in known for form in _singular_forms(word))


def _singular_forms(word: str) -> list[str]:
    """Return the word, and the words that it may be the plural of."""
    forms = [word]
    if word.endswith("ies"):
        forms.append(word[:-3] + "y")
    if word.endswith("es"):
        forms.append(word[:-2])
    if word.endswith("s"):
        forms.append(word[:-1])
    return forms


def _spellings(term: str, always_found: Iterable[str]) -> Iterator[Word]:
    """Yield the engine words that find the ends of `term`.

    A spelling that contains one of `always_found` is left out: the whole identifier is examined anyway.
    """
    words = term.split()
    if len(words) == 1:  # a short word is part of many others (age, usage)
        yield Word(term, Boundary.ANY if len(term) > _SHORT else Boundary.WHOLE_WORD)
        if len(term) <= _SHORT:  # in userSsn it has no word boundary
            yield Word(term.title(), case_sensitive=True)
        return
    yield Word(term)
    for spelling in (separator.join(words) for separator in ("", "_", "-")):
        if not any(map(spelling.__contains__, always_found)):
            yield Word(spelling)
