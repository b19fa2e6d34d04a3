"""Entries of `metadata.sampled`: the probability that a sample misses a value of 1 % of the rows."""

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.messages.sampled import bound, miss_probability, sampled_entry


def exactly(read: int, of: int) -> Fraction:
    """The hypergeometric distribution by definition: ways to choose none of them, divided by all ways to choose."""
    with_it = math.ceil(Fraction(of, 100))
    return Fraction(math.comb(of - with_it, read), math.comb(of, read))


@given(st.integers(1, 3000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_probability_is_that_of_sampling_without_replacement(read_of: tuple[int, int]) -> None:
    read, of = read_of
    assert miss_probability(read, of) == pytest.approx(float(exactly(read, of)), rel=1e-9, abs=1e-300)
    assert miss_probability(read, of) <= 0.99**read * (1 + 1e-9)


@given(st.integers(1, 10**9).flatmap(lambda of: st.tuples(st.integers(1, min(of, 10**5)), st.just(of))))
def test_the_reported_bound_is_never_below_the_probability(read_of: tuple[int, int]) -> None:
    reported = bound(*read_of).rpartition("p < ")[2]
    chance = miss_probability(*read_of)
    assert chance < float(reported) <= max(1.13 * chance, 1e-6)


@pytest.mark.parametrize(
    ("read", "of", "p"),
    [
        (1000, 10**9, "0.000044"),  # 0.99 ** 1000 = 4.317e-5
        (100, 10**6, "0.37"),  # 0.99 ** 100 = 0.366
        (10, 10**6, "0.91"),
        (200, 3000, "0.13"),
        (9, 10, "0.11"),  # exactly a tenth, never rounded down
        (10_000, 10**6, "0.000001"),
    ],
)
def test_known_probabilities(read: int, of: int, p: str) -> None:
    assert bound(read, of) == f"a value present in 1 % of rows is missed with p < {p}"


def test_simulated_samples_miss_as_often_as_reported() -> None:
    drawing, missed = random.Random(7), 0
    for _ in range(4000):
        missed += min(drawing.sample(range(1000), 100)) >= 10  # ten of a thousand rows have the value
    assert missed / 4000 == pytest.approx(miss_probability(100, 1000), abs=0.03)


def test_an_entry_has_the_counts_and_the_bound() -> None:
    assert sampled_entry("visits", read=9, total=10) == {
        "name": "visits",
        "read": 9,
        "total": 10,
        "bound": "a value present in 1 % of rows is missed with p < 0.11",
    }
    assert sampled_entry("visits", read=0, total=10)["bound"] == "no row was read"


def test_reading_more_rows_than_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="11 of 10"):
        miss_probability(11, 10)
