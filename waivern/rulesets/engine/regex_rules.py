"""Validation of the regular expressions of rules.

A rule may only use what all engines interpret alike and what cannot make a backtracking engine hang:

- Texts are scanned together, separated by NUL, so no pattern may match a NUL. For that reason, and because they match
  more than intended, negated classes are rejected.
- The engines read bytes, so their patterns are ASCII. Patterns that are matched against text may contain other letters.
- A backtracking engine examines what the fast engine found (see `engine_factory`). Repeats with exponentially many ways
  to match are rejected: an unbounded repeat must have a body that can be split in one way only.
"""

import functools
import importlib
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

_parser: Any = importlib.import_module("re._parser")

_ALL_BYTES = frozenset(range(256))
_DIGITS = frozenset(b"0123456789")
_MAX_BOUNDED_REPEAT = 32
_CATEGORIES = {"CATEGORY_DIGIT": rb"\d", "CATEGORY_WORD": rb"\w"}  # the content of "\s" differs between engines
_NEGATED = "uses a negated class; list the characters that it may match"
_SHORTHAND_CLASS = re.compile(r"\\[wWdDsS]")
_SUPPORTED = {"LITERAL", "IN", "MAX_REPEAT", "SUBPATTERN", "BRANCH", "AT"}


def validate_regex(regex: str, *, allow_non_ascii: bool = False) -> str | None:
    """Return why a regular expression is not allowed in a rule, or None if it is.

    `allow_non_ascii` is for patterns that are matched against text instead of bytes.
    """
    if not regex.isascii() and not allow_non_ascii:
        return "has non-ASCII characters, which need literals or a pattern that counts only with context"
    if not regex.isascii() and _SHORTHAND_CLASS.search(regex):
        return "uses a character class together with non-ASCII letters; list its characters"
    try:
        parsed = _parse(regex)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is not a valid regular expression: {error}"
    if parsed.getwidth()[0] == 0:
        return "matches the empty text"
    return next(_errors(parsed), None)


def max_match_length(regex: str) -> int:
    """Return the maximum length of a match of a valid regular expression."""
    return int(_parse(regex).getwidth()[1])


def needs_digit(regex: str) -> bool:
    """Return whether every match of a valid regular expression contains a digit 0-9."""
    return _needs_digit(_parse(regex))


def _parse(regex: str) -> Any:
    return _parser.parse(regex.encode() if regex.isascii() else regex, re.MULTILINE)


def _needs_digit(sequence: Any) -> bool:
    return any(_operation_needs_digit(str(operation), argument) for operation, argument in sequence)


def _operation_needs_digit(name: str, argument: Any) -> bool:
    if name == "LITERAL":
        return argument in _DIGITS
    if name == "IN":
        return all(_class_member_bytes(member) <= _DIGITS for member in argument)
    if name == "MAX_REPEAT" and argument[0] == 0:
        return False
    parts = _parts(name, argument)
    return bool(parts) and all(_needs_digit(part) for part in parts)


def _errors(sequence: Any) -> Iterator[str]:
    for operation, argument in sequence:
        name = str(operation)
        if name == "NOT_LITERAL":
            yield _NEGATED
        elif name not in _SUPPORTED:
            yield f"uses {name.lower().replace('_', ' ')}, which not all engines support or which matches too much"
        elif name == "AT" and str(argument) != "AT_BOUNDARY":
            yield f"uses the anchor {str(argument).lower()}; only the anchor \\b is supported"
        elif name == "LITERAL" and argument == 0:
            yield "matches NUL, which separates the texts that are scanned together"
        elif name == "IN":
            yield from _class_errors(argument)
        elif name == "MAX_REPEAT":
            yield from _repeat_errors(argument)
        yield from _errors_in_parts(name, argument)


def _errors_in_parts(name: str, argument: Any) -> Iterator[str]:
    for part in _parts(name, argument):
        yield from _errors(part)


def _parts(name: str, argument: Any) -> list[Any]:
    """Return the sequences that an operation contains."""
    if name == "MAX_REPEAT":
        return [argument[2]]
    if name == "SUBPATTERN":
        return [argument[3]]
    return list(argument[1]) if name == "BRANCH" else []


def _class_errors(members: Any) -> Iterator[str]:
    for operation, argument in members:
        if str(operation) == "NEGATE" or "NOT" in str(argument):
            yield _NEGATED
        elif str(operation) == "CATEGORY" and str(argument) not in _CATEGORIES:
            yield "uses a character class that differs between engines; list its characters"
        elif 0 in _class_member_bytes((operation, argument)):
            yield "may match NUL, which separates the texts that are scanned together"


def _repeat_errors(repeat: Any) -> Iterator[str]:
    _, maximum, body = repeat
    if int(maximum) <= _MAX_BOUNDED_REPEAT:
        return
    if body.getwidth()[0] == 0:
        yield "repeats a part that may be empty, which makes a backtracking engine hang"
    elif not _is_unambiguous_repeat(body):
        yield "repeats a part that can be split in more than one way, which makes a backtracking engine hang"


def _is_unambiguous_repeat(body: Any) -> bool:
    """Return whether a repeated body is fixed, or begins or ends with a byte that its variable parts cannot contain."""
    operations = _flatten(body)
    variable = frozenset[int]().union(*(_possible_bytes(part) for part in operations if _is_variable(part)))
    if not variable:
        return not any(str(part[0]) == "BRANCH" for part in operations)
    ends = [operations[0], operations[-1]]
    return any(not _is_variable(end) and variable.isdisjoint(_possible_bytes(end)) for end in ends)


def _flatten(sequence: Any) -> list[Any]:
    operations: list[Any] = []
    for operation, argument in sequence:
        if str(operation) == "SUBPATTERN":
            operations.extend(_flatten(argument[3]))
        else:
            operations.append((operation, argument))
    return operations


def _is_variable(part: Any) -> bool:
    operation, argument = part
    if str(operation) == "MAX_REPEAT":
        return bool(argument[0] != argument[1]) or any(_is_variable(inner) for inner in _flatten(argument[2]))
    return str(operation) == "BRANCH"


def _possible_bytes(part: Any) -> frozenset[int]:
    """Return all bytes that may occur in a match of `part`."""
    operation, argument = part
    name = str(operation)
    if name == "LITERAL":
        return _with_both_cases({argument})
    if name == "IN":
        return _with_both_cases(frozenset().union(*(_class_member_bytes(member) for member in argument)))
    sequences = _parts(name, argument)
    return frozenset().union(*(_possible_bytes(inner) for sequence in sequences for inner in sequence))


def _class_member_bytes(member: Any) -> frozenset[int]:
    operation, argument = member
    if str(operation) == "LITERAL":
        return frozenset({argument})
    if str(operation) == "RANGE":
        return frozenset(range(argument[0], argument[1] + 1))
    return _category_bytes(str(argument))


def _with_both_cases(numbers: AbstractSet[int]) -> frozenset[int]:
    """Add the letters of the other case, because the regex may be case-insensitive."""
    return frozenset(numbers) | frozenset(ord(letter) for number in numbers for letter in chr(number).swapcase())


@functools.cache
def _category_bytes(name: str) -> frozenset[int]:
    if name not in _CATEGORIES:
        return _ALL_BYTES
    category = re.compile(_CATEGORIES[name])
    return frozenset(byte for byte in _ALL_BYTES if category.match(bytes([byte])))
