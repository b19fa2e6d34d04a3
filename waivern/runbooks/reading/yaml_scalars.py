"""What an unquoted word of YAML means.

Texts, numbers, truth values and nothing: what JSON has too. Dates stay texts, and so do what YAML 1.1 reads as
sexagesimal (22:30), octal (0123) or infinite (.inf): nobody who writes these in a runbook means that.
"""

import math
import re
from collections.abc import Callable

_WORDS: dict[str, bool | None] = {"": None, "~": None}
for _meaning, _names in ((None, "null"), (True, "true yes on"), (False, "false no off")):
    for _name in _names.split():
        _WORDS.update(dict.fromkeys((_name, _name.capitalize(), _name.upper()), _meaning))

_NUMBER = re.compile(r"(?P<whole>[-+]?(?:0|[1-9][0-9_]*))|(?P<hexadecimal>0x[0-9a-fA-F]+)|(?P<broken>[-+]?[0-9.].*)")
_DECIMAL = re.compile(r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9_]*(?:[eE][-+]?[0-9]+)?")
_LARGEST = 2**63

Scalar = str | int | float | bool | None


def meaning_of(word: str) -> Scalar:
    """Return what an unquoted word stands for.

    Raises:
        ValueError: a number that is too large to be kept exactly.
    """
    if word in _WORDS:
        return _WORDS[word]
    match = _NUMBER.fullmatch(word)
    if match is None:
        return word
    if match["whole"]:
        return _whole(word, 10)
    if match["hexadecimal"]:
        return _whole(word, 16)
    return _decimal(word)


def _whole(word: str, base: int) -> int:
    if len(word) > 30 or abs(number := int(word, base)) >= _LARGEST:
        raise ValueError("a number of this size is not kept exactly: put it in quotes")
    return number


def _decimal(word: str) -> float | str:
    if not _DECIMAL.fullmatch(word) or not any(sign in word for sign in ".eE"):
        return word
    try:
        number = float(word.replace("_", ""))
    except ValueError:
        return word
    if not math.isfinite(number):
        raise ValueError("this number is too large")
    return number


def _text(word: str) -> str:
    return word


def _number(word: str) -> Scalar:
    number = meaning_of(word)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"'{word}' is no number")
    return number


def _truth(word: str) -> Scalar:
    if (truth := _WORDS.get(word)) is None:
        raise ValueError(f"'{word}' is neither true nor false")
    return truth


_PREFIX = "tag:yaml.org,2002:"
MEANINGS: dict[str, Callable[[str], Scalar]] = {
    "!": _text,
    f"{_PREFIX}str": _text,
    f"{_PREFIX}int": _number,
    f"{_PREFIX}float": _number,
    f"{_PREFIX}bool": _truth,
    f"{_PREFIX}null": lambda _word: None,
}
COLLECTIONS = ("!", f"{_PREFIX}map", f"{_PREFIX}seq")
