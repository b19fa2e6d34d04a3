"""Patterns of locations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.history.location_pattern import LocationPattern


@pytest.mark.parametrize(
    ("pattern", "location", "matches"),
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
def test_wildcards(pattern: str, location: str, matches: bool) -> None:
    assert LocationPattern(pattern).matches(location) is matches


@given(st.text("ab*?./", max_size=8), st.text("ab./", max_size=8))
def test_every_matching_location_has_the_prefix(text: str, location: str) -> None:
    pattern = LocationPattern(text)
    if pattern.matches(location):
        assert location.startswith(pattern.prefix)
    if pattern.is_literal:
        assert pattern.matches(location) is (location == text)
