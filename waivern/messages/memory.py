"""Memory that was freed and that the process still holds."""

import ctypes
import functools
from collections.abc import Callable


def give_back() -> None:
    """Give freed memory back to the machine, so that large contents do not need as much again as those before them.

    The C library keeps what one thread freed for that thread; where it has no call for it, nothing happens.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim  # of glibc
    except (OSError, AttributeError, TypeError):
        return None
    return trim
