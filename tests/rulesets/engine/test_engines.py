"""Both engines report the same matches as a backtracking engine."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.rulesets.engine.hyperscan_engine import HyperscanEngine
from waivern.rulesets.engine.pattern_engine import Boundary, PatternSet, ScanPattern, Word
from waivern.rulesets.engine.re2_engine import Re2Engine

ENGINES = {"hyperscan": HyperscanEngine, "re2": Re2Engine}
WORD_GROUPS = [
    [Word("call"), Word("recall"), Word("straße")],
    [Word("tel", Boundary.WHOLE_WORD), Word("phone", Boundary.WHOLE_WORD), Word("öl", Boundary.WHOLE_WORD)],
    [Word("name", Boundary.KEY), Word("tel", Boundary.KEY)],
    [Word("SK", case_sensitive=True), Word("call", case_sensitive=True)],
]
PATTERNS = [
    ScanPattern(r"\b[0-9]{3}(?:[ -][0-9]{3}){1,2}\b"),
    ScanPattern(r"@(?:[a-z]+\.)+[a-z]{2,5}\b", left_extension="[a-z.]"),
    ScanPattern(r"[A-Z][a-z]{1,30}(?: [A-Z][a-z]{1,30}){0,2} (?:Street|St)\b"),
    ScanPattern(r"(?i:tel|name|call)[\"']{0,1}[ :=-]{1,3}[a-z0-9]{2,}(?:[ -]|\b)"),
]
COMPILED = [re.compile(pattern.regex.encode()) for pattern in PATTERNS]
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


def _word_ends(engine: str, group: int, text: str) -> list[int]:
    return ENGINES[engine](PatternSet([], WORD_GROUPS)).scan(text.encode()).word_ends[group]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_word_is_found_anywhere_in_upper_and_lower_case(engine):
    assert _word_ends(engine, 0, "call RECALLED straße STRASSE") == [4, 11, 21, 29]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_whole_word_has_no_letter_or_digit_next_to_it(engine):
    assert _word_ends(engine, 1, "tel, my_tel_no; hotel tell tel2 hotelephone") == [3, 11]
    assert _word_ends(engine, 1, "ÖL öl phone") == [3, 7, 13]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_key_starts_an_identifier_and_is_followed_by_a_mark(engine):
    assert _word_ends(engine, 2, '"name": my_name: name name = Name\t') == [5, 33]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_case_sensitive_word_is_found_only_as_written(engine):
    assert _word_ends(engine, 3, "SK sk Call call") == [2, 15]


@pytest.mark.parametrize("engine", ENGINES)
def test_pattern_matches_are_those_of_a_backtracking_engine(engine):
    compiled = ENGINES[engine](PatternSet(PATTERNS))

    @given(TEXTS)
    def property_holds(text: str) -> None:
        data = text.encode("utf-8", "replace")
        found = [match for match in compiled.scan(data).patterns if match[2] != 1]
        expected = [(*match.span(), number) for number in (0, 2, 3) for match in COMPILED[number].finditer(data)]
        assert found == sorted(expected)

    property_holds()


def test_both_engines_report_the_same_matches():
    hyperscan, re2 = (engine(PatternSet(PATTERNS, WORD_GROUPS)) for engine in ENGINES.values())

    @given(TEXTS)
    def property_holds(text: str) -> None:
        data = text.encode("utf-8", "replace")
        assert hyperscan.scan(data) == re2.scan(data)

    property_holds()
