"""Work on many small things, without the garbage collector looking through them again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 10_000
_TURNS = 20


def collect_seldom() -> None:
    """Look for circles more seldom in this process, as long as it lasts; for who starts one, and for nobody else.

    Scanning makes many small objects and hardly a circle among them: looking through them as often as Python does
    unless told (after each 700) costs a tenth of the time.
    """
    gc.set_threshold(_NEW_OBJECTS, _TURNS, _TURNS)


@contextmanager
def without_collecting() -> Iterator[None]:
    """Look for no circles meanwhile: findings have none, and to look through 100,000 costs up to half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
