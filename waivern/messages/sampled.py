"""Entries of `metadata.sampled`: what was partially scanned, and what the sample may have missed."""

import math
from typing import Any


def sampled_entry(name: str, *, read: int, total: int) -> dict[str, Any]:
    """Return an entry of `metadata.sampled`.

    Args:
        name: The name of a table or a collection.
        read: How many of its rows were read, as a random sample.
        total: How many rows there are.
    """
    return {"name": name, "read": read, "total": total, "bound": bound(read, total)}


def bound(read: int, total: int) -> str:
    """Return in words how likely a value that 1 % of the rows contain is in none of the rows that were read."""
    if read == 0:
        return "no row was read"
    return f"a value present in 1 % of rows is missed with p < {_rounded_up(miss_probability(read, total))}"


def miss_probability(read: int, total: int) -> float:
    """Return the probability that a sample without replacement has none of 1 % of the rows (rounded up to whole rows).

    Source: the hypergeometric distribution at 0; it is at most 0.99 ** read.

    Raises:
        ValueError: `read` is not between 0 and `total`.
    """
    if not 0 <= read <= total:
        raise ValueError(f"{read} of {total} rows cannot be read")
    containing = -(-total // 100)
    if read > total - containing:
        return 0.0
    # The probability is symmetric in the two numbers, so the product with fewer factors is used.
    factors, larger = range(min(read, containing)), max(read, containing)
    return math.exp(sum(math.log1p(-larger / (total - index)) for index in factors))


def _rounded_up(probability: float) -> str:
    """Return the probability rounded up to two digits, so that "p <" is true; at least one millionth."""
    probability *= 1 + 1e-9  # the float for 0.1 may be slightly below 0.1
    if probability < 1e-6:
        return "0.000001"
    digits = 1 - math.floor(math.log10(probability))
    return f"{min((math.floor(probability * 10**digits) + 1) / 10**digits, 1):.{digits}f}"
