"""Patterns of places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.history.location_pattern import LocationPattern


@pytest.mark.parametrize(
    ("pattern", "location", "fits"),
    [
        ("customers.*", "customers.email", True),
        ("customers.*", "old_customers.email", False),
        ("*.csv", "exports/2024/a.csv", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a[1].txt", "a[1].txt", True),
        ("A", "a", False),
        ("*", "", True),
    ],
)
def test_stars_and_question_marks_stand_for_others(pattern: str, location: str, fits: bool) -> None:
    assert LocationPattern(pattern).matches(location) is fits


@given(st.text("ab*?./", max_size=8), st.text("ab./", max_size=8))
def test_what_matches_begins_as_the_pattern_does(text: str, location: str) -> None:
    pattern = LocationPattern(text)
    if pattern.matches(location):
        assert location.startswith(pattern.prefix)
    if pattern.is_literal:
        assert pattern.matches(location) is (location == text)
