"""Masking: showing the form of a value without its content."""

import re

MAX_SHOWN = 64
"""Maximum number of characters of a value whose form is shown."""

_MIN_TO_SHOW_FIRST = 6
_MASKED_CHARACTER = re.compile(r"[^\s@.\-/:]")


def masked(value: str) -> str:
    """Return `value` with letters and digits replaced by stars, cut after 64 characters.

    The first letter or digit is shown if there are at least six.
    """
    shown = value[:MAX_SHOWN]
    stars = _MASKED_CHARACTER.sub("*", shown)
    first = _MASKED_CHARACTER.search(shown)
    if first is not None and len(_MASKED_CHARACTER.findall(shown)) >= _MIN_TO_SHOW_FIRST:
        stars = stars[: first.start()] + first[0] + stars[first.end() :]
    return printable(stars + ("…" if len(value) > MAX_SHOWN else ""))


def printable(text: str) -> str:
    """Return the text without lone surrogates, which JSON cannot hold, and without NULs."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")
