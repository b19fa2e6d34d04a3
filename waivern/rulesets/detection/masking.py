"""Values shown by their form alone."""

import re

LONGEST_SHOWN = 64
"""Characters of a value whose form is shown."""

_ENOUGH_TO_SHOW_ONE = 6
_SIGN = re.compile(r"[^\s@.\-/:]")


def masked(value: str) -> str:
    """Return `value` with a star for each letter and digit but the first of six or more; 64 characters at the most."""
    shown = value[:LONGEST_SHOWN]
    stars = _SIGN.sub("*", shown)
    first = _SIGN.search(shown)
    if first is not None and len(_SIGN.findall(shown)) >= _ENOUGH_TO_SHOW_ONE:
        stars = stars[: first.start()] + first[0] + stars[first.end() :]
    return printable(stars + ("…" if len(value) > LONGEST_SHOWN else ""))


def printable(text: str) -> str:
    """Return the text without what JSON cannot hold, half a surrogate pair, and without NULs, which nobody can read."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")
