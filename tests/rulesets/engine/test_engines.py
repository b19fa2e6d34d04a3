"""What an engine is asked for is what it answers, hyperscan as RE2."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.rulesets.engine.hyperscan_engine import HyperscanEngine
from waivern.rulesets.engine.pattern_engine import Boundary, PatternSet, ScanPattern, Word
from waivern.rulesets.engine.re2_engine import Re2Engine

ENGINES = {"hyperscan": HyperscanEngine, "re2": Re2Engine}
WORDS = [
    [Word("call"), Word("recall"), Word("straße")],
    [Word("tel", Boundary.WHOLE), Word("phone", Boundary.WHOLE), Word("öl", Boundary.WHOLE)],
    [Word("name", Boundary.KEY), Word("tel", Boundary.KEY)],
    [Word("SK", exact=True), Word("call", exact=True)],
]
VALUES = [
    ScanPattern(r"\b[0-9]{3}(?:[ -][0-9]{3}){1,2}\b"),
    ScanPattern(r"@(?:[a-z]+\.)+[a-z]{2,5}\b", lead="[a-z.]"),
    ScanPattern(r"[A-Z][a-z]{1,30}(?: [A-Z][a-z]{1,30}){0,2} (?:Street|St)\b"),
    ScanPattern(r"(?i:tel|name|call)[\"']{0,1}[ :=-]{1,3}[a-z0-9]{2,}(?:[ -]|\b)"),
]
FORMS = [re.compile(form.regex.encode()) for form in VALUES]
PIECES = [
    "call",
    "CALL",
    "recall",
    "tel",
    "_tel_",
    "phone",
    "name",
    '"name":',
    "tel\t",
    "SK",
    "sk",
    "straße",
    "STRASSE",
]
PIECES += [
    "Öl",
    "xöl",
    "\0",
    " ",
    "-",
    "é",
    "111",
    "222 333",
    "-444",
    "a.b",
    "@c.de",
    ".fr",
    "Old ",
    "Oak St",
    "reet",
]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=14).map("".join)


def _ends(engine: str, group: int, text: str) -> list[int]:
    return ENGINES[engine](PatternSet([], WORDS)).scan(text.encode()).words[group]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_word_is_found_anywhere_and_in_capitals(engine):
    assert _ends(engine, 0, "call RECALLED straße STRASSE") == [4, 11, 21, 29]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_whole_word_has_no_letter_or_digit_beside_it(engine):
    assert _ends(engine, 1, "tel, my_tel_no; hotel tell tel2 hotelephone") == [3, 11]
    assert _ends(engine, 1, "ÖL öl phone") == [3, 7, 13]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_key_begins_an_identifier_and_has_a_mark_behind_it(engine):
    assert _ends(engine, 2, '"name": my_name: name name = Name\t') == [5, 33]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_exact_word_is_found_as_it_is_written(engine):
    assert _ends(engine, 3, "SK sk Call call") == [2, 15]


@pytest.mark.parametrize("engine", ENGINES)
def test_values_are_those_that_a_backtracking_engine_finds(engine):
    compiled = ENGINES[engine](PatternSet(VALUES))

    @given(TEXTS)
    def law(text: str) -> None:
        data = text.encode("utf-8", "replace")
        found = [span for span in compiled.scan(data).values if span[2] != 1]
        expected = [(*m.span(), number) for number in (0, 2, 3) for m in FORMS[number].finditer(data)]
        assert found == sorted(expected)

    law()


def test_both_engines_answer_the_same():
    one, other = (make(PatternSet(VALUES, WORDS)) for make in ENGINES.values())

    @given(TEXTS)
    def law(text: str) -> None:
        data = text.encode("utf-8", "replace")
        assert one.scan(data) == other.scan(data)

    law()
