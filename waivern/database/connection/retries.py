"""Retry a transaction that the database rolled back because of a conflict with a concurrent one."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from waivern.database.connection.driver_errors import Fault, fault_of
from waivern.errors import DatabaseUnavailableError

T = TypeVar("T")

_ATTEMPTS = 5
_jitter = random.Random()  # noqa: S311  no secret; a separate instance, so random.seed() elsewhere does not remove the jitter


def retry_on_conflict(transaction: Callable[[], T]) -> T:
    """Call `transaction` up to 5 times until it does not conflict with another one, with a random back-off."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return transaction()
        except DatabaseUnavailableError as error:
            if fault_of(error.__cause__) is not Fault.CONFLICT:
                raise
            sleep_with_jitter(0.01 * attempt, 0.1 * attempt)
    return transaction()


def sleep_with_jitter(min_s: float, max_s: float) -> None:
    """Sleep for a random time, so that two processes that conflicted do not conflict again."""
    time.sleep(_jitter.uniform(min_s, max_s))
