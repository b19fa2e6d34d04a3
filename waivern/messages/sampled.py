"""What a message says of something that was read only in part: how much of it, and what that may have missed."""

import math
from typing import Any


def sampled(name: str, *, read: int, total: int) -> dict[str, Any]:
    """Return an entry of `metadata.sampled`.

    Args:
        name: The name of a table or a collection.
        read: How many of its entries were read, every set of as many equally likely.
        total: How many there are.
    """
    return {"name": name, "read": read, "total": total, "bound": bound(read, total)}


def bound(read: int, of: int) -> str:
    """Say how likely a value that stands in 1 % of the entries is in none of those that were read."""
    if read == 0:
        return "no row was read"
    return f"a value present in 1 % of rows is missed with p < {_a_little_more(chance_of_missing(read, of))}"


def chance_of_missing(read: int, of: int) -> float:
    """Return how likely a sample without replacement holds none of 1 % of the entries (rounded up to whole ones).

    Source: the hypergeometric distribution at 0; it is at most 0.99 ** read.

    Raises:
        ValueError: more were read than there are.
    """
    if not 0 <= read <= of:
        raise ValueError(f"{read} of {of} cannot be read")
    with_it = -(-of // 100)
    if read > of - with_it:
        return 0.0
    fewer = range(min(read, with_it))  # choose(of - m, n) = choose(of - n, m) / ...: the shorter product of the two
    most = max(read, with_it)
    return math.exp(sum(math.log1p(-most / (of - place)) for place in fewer))


def _a_little_more(chance: float) -> str:
    """The chance rounded up to two digits, so that it is truly below; nothing below a millionth."""
    chance *= 1 + 1e-9  # what is exactly 0.1 may be held as a little less
    if chance < 1e-6:
        return "0.000001"
    digits = 1 - math.floor(math.log10(chance))
    return f"{min((math.floor(chance * 10**digits) + 1) / 10**digits, 1):.{digits}f}"
