"""Returning freed memory to the operating system."""

import ctypes
import functools
from collections.abc import Callable


def release_free_memory() -> None:
    """Return freed memory to the operating system, so that several large contents in a row do not add up.

    glibc keeps the memory that a thread has freed for that thread. On other C libraries this does nothing.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim  # only in glibc
    except (OSError, AttributeError, TypeError):
        return None
    return trim
