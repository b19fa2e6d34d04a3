"""Short rests of those that ran into one another."""

import random
import time

_chance = random.Random()  # noqa: S311  no secret; of its own, so that a seed that somebody sets parts nobody less


def rest(shortest_s: float, longest_s: float) -> None:
    """Sleep for a random time between the two, so that two that ran into each other do not do so again."""
    time.sleep(_chance.uniform(shortest_s, longest_s))
