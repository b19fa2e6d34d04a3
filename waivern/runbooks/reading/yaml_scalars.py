"""Conversion of unquoted YAML scalars to JSON types: text, number, boolean and null.

Dates stay texts. So does what YAML 1.1 reads as sexagesimal (22:30), octal (0123) or infinite (.inf), because authors
of runbooks do not mean these.
"""

import math
import re
from collections.abc import Callable

_WORDS: dict[str, bool | None] = {"": None, "~": None}
for _value, _names in ((None, "null"), (True, "true yes on"), (False, "false no off")):
    for _name in _names.split():
        _WORDS.update(dict.fromkeys((_name, _name.capitalize(), _name.upper()), _value))

_NUMBER = re.compile(r"(?P<whole>[-+]?(?:0|[1-9][0-9_]*))|(?P<hexadecimal>0x[0-9a-fA-F]+)|(?P<broken>[-+]?[0-9.].*)")
_DECIMAL = re.compile(r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9_]*(?:[eE][-+]?[0-9]+)?")
_INTEGER_LIMIT = 2**63

Scalar = str | int | float | bool | None


def parse_scalar(word: str) -> Scalar:
    """Return the value of an unquoted scalar.

    Raises:
        ValueError: the number is too large to be stored exactly.
    """
    if word in _WORDS:
        return _WORDS[word]
    match = _NUMBER.fullmatch(word)
    if match is None:
        return word
    if match["whole"]:
        return _integer(word, 10)
    if match["hexadecimal"]:
        return _integer(word, 16)
    return _decimal(word)


def _integer(word: str, base: int) -> int:
    if len(word) > 30 or abs(number := int(word, base)) >= _INTEGER_LIMIT:
        raise ValueError("a number of this size cannot be stored exactly: put it in quotes")
    return number


def _decimal(word: str) -> float | str:
    if not _DECIMAL.fullmatch(word) or not any(sign in word for sign in ".eE"):
        return word
    try:
        number = float(word.replace("_", ""))
    except ValueError:
        return word
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def _text(word: str) -> str:
    return word


def _number(word: str) -> Scalar:
    number = parse_scalar(word)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"'{word}' is not a number")
    return number


def _boolean(word: str) -> Scalar:
    if (boolean := _WORDS.get(word)) is None:
        raise ValueError(f"'{word}' is neither true nor false")
    return boolean


_TAG_PREFIX = "tag:yaml.org,2002:"
TAG_PARSERS: dict[str, Callable[[str], Scalar]] = {
    "!": _text,
    f"{_TAG_PREFIX}str": _text,
    f"{_TAG_PREFIX}int": _number,
    f"{_TAG_PREFIX}float": _number,
    f"{_TAG_PREFIX}bool": _boolean,
    f"{_TAG_PREFIX}null": lambda _word: None,
}
COLLECTION_TAGS = ("!", f"{_TAG_PREFIX}map", f"{_TAG_PREFIX}seq")
