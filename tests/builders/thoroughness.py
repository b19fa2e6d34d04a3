"""How much the tests try that try very many inputs: a sample, or with WAIVERN_TEST_THOROUGH=1 all of them."""

import os
import random

THOROUGH = bool(os.environ.get("WAIVERN_TEST_THOROUGH"))
_LEAST_EXAMPLES = 20


def examples(number: int) -> int:
    """Return how many examples of `number` a property is tested with; each run draws different ones."""
    return number if THOROUGH else min(number, max(_LEAST_EXAMPLES, number // 4))


def in_sample(*, share: float) -> bool:
    """Return whether to try an input of which a run without WAIVERN_TEST_THOROUGH tries a random share."""
    return THOROUGH or random.random() < share
