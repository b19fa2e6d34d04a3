"""Which regular expressions a rule may have: those that every engine reads alike and none can be made to hang on.

Texts are scanned many at a time with a NUL between them, so no pattern may match a NUL; for that, and because it
matches more than its author thinks, nothing that says "all but ..." is taken. The fast engines read bytes, so patterns
for them are ASCII; those that are tried on text alone may hold letters beyond. A backtracking engine looks at what the
fast engine found (see `matching`), so what makes it try exponentially many ways is refused: an unbounded repeat whose
body can be cut in more than one way.
"""

import functools
import importlib
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

_parser: Any = importlib.import_module("re._parser")

_EVERY_BYTE = frozenset(range(256))
_DIGITS = frozenset(b"0123456789")
_MANY = 32
_CATEGORIES = {"CATEGORY_DIGIT": rb"\d", "CATEGORY_WORD": rb"\w"}  # what "\s" holds differs between engines
_ALL_BUT = "says 'all but ...'; name the characters that it may match"
_CLASS = re.compile(r"\\[wWdDsS]")
_TAKEN = {"LITERAL", "IN", "MAX_REPEAT", "SUBPATTERN", "BRANCH", "AT"}


def fault_of(regex: str, *, beyond_ascii: bool = False) -> str | None:
    """Say why a rule cannot have this regular expression, or None where it can.

    `beyond_ascii` says that it may hold letters beyond ASCII, and is tried on text, not on bytes.
    """
    if not regex.isascii() and not beyond_ascii:
        return "holds characters beyond ASCII, which need literals, or a confidence in context only"
    if not regex.isascii() and _CLASS.search(regex):
        return "uses a class beside letters beyond ASCII; name its characters"
    try:
        parsed = _parsed(regex)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is not a regular expression ({error})"
    if parsed.getwidth()[0] == 0:
        return "matches the empty text"
    return next(_faults(parsed), None)


def longest_match(regex: str) -> int:
    """Return the most characters that the regular expression matches; it has no fault."""
    return int(_parsed(regex).getwidth()[1])


def needs_digit(regex: str) -> bool:
    """Say whether all that the regular expression matches holds a digit 0-9; it has no fault."""
    return _needs_digit(_parsed(regex))


def _parsed(regex: str) -> Any:
    return _parser.parse(regex.encode() if regex.isascii() else regex, re.MULTILINE)


def _needs_digit(sequence: Any) -> bool:
    return any(_part_needs_digit(str(operation), argument) for operation, argument in sequence)


def _part_needs_digit(name: str, argument: Any) -> bool:
    if name == "LITERAL":
        return argument in _DIGITS
    if name == "IN":
        return all(_bytes_of_member(member) <= _DIGITS for member in argument)
    if name == "MAX_REPEAT" and argument[0] == 0:
        return False
    parts = _parts(name, argument)
    return bool(parts) and all(_needs_digit(part) for part in parts)


def _faults(sequence: Any) -> Iterator[str]:
    for operation, argument in sequence:
        name = str(operation)
        if name == "NOT_LITERAL":
            yield _ALL_BUT
        elif name not in _TAKEN:
            yield f"uses {name.lower().replace('_', ' ')}, which not every engine takes or which matches too much"
        elif name == "AT" and str(argument) != "AT_BOUNDARY":
            yield f"uses the anchor {str(argument).lower()}; of anchors there is only \\b"
        elif name == "LITERAL" and argument == 0:
            yield "matches a NUL, which divides the texts that are scanned together"
        elif name == "IN":
            yield from _faults_of_class(argument)
        elif name == "MAX_REPEAT":
            yield from _faults_of_repeat(argument)
        yield from _faults_within(name, argument)


def _faults_within(name: str, argument: Any) -> Iterator[str]:
    for part in _parts(name, argument):
        yield from _faults(part)


def _parts(name: str, argument: Any) -> list[Any]:
    """The sequences that an operation is made of."""
    if name == "MAX_REPEAT":
        return [argument[2]]
    if name == "SUBPATTERN":
        return [argument[3]]
    return list(argument[1]) if name == "BRANCH" else []


def _faults_of_class(members: Any) -> Iterator[str]:
    for operation, argument in members:
        if str(operation) == "NEGATE" or "NOT" in str(argument):
            yield _ALL_BUT
        elif str(operation) == "CATEGORY" and str(argument) not in _CATEGORIES:
            yield "uses a class that engines read differently; name its characters"
        elif 0 in _bytes_of_member((operation, argument)):
            yield "may match a NUL, which divides the texts that are scanned together"


def _faults_of_repeat(repeat: Any) -> Iterator[str]:
    _, most, body = repeat
    if int(most) <= _MANY:
        return
    if body.getwidth()[0] == 0:
        yield "repeats what may be empty, which makes a backtracking engine hang"
    elif not _can_be_cut_in_one_way(body):
        yield "repeats what can be cut in more than one way, which makes a backtracking engine hang"


def _can_be_cut_in_one_way(body: Any) -> bool:
    """Say whether a repeated body is of fixed form, or begins or ends with a byte that its variable parts lack."""
    operations = _flat(body)
    variable = frozenset[int]().union(*(_bytes_of(part) for part in operations if _is_variable(part)))
    if not variable:
        return not any(str(part[0]) == "BRANCH" for part in operations)
    ends = [operations[0], operations[-1]]
    return any(not _is_variable(end) and variable.isdisjoint(_bytes_of(end)) for end in ends)


def _flat(sequence: Any) -> list[Any]:
    operations: list[Any] = []
    for operation, argument in sequence:
        if str(operation) == "SUBPATTERN":
            operations.extend(_flat(argument[3]))
        else:
            operations.append((operation, argument))
    return operations


def _is_variable(part: Any) -> bool:
    operation, argument = part
    if str(operation) == "MAX_REPEAT":
        return bool(argument[0] != argument[1]) or any(_is_variable(inner) for inner in _flat(argument[2]))
    return str(operation) == "BRANCH"


def _bytes_of(part: Any) -> frozenset[int]:
    """Every byte that may occur in what `part` matches."""
    operation, argument = part
    name = str(operation)
    if name == "LITERAL":
        return _in_both_cases({argument})
    if name == "IN":
        return _in_both_cases(frozenset().union(*(_bytes_of_member(member) for member in argument)))
    sequences = _parts(name, argument)
    return frozenset().union(*(_bytes_of(inner) for sequence in sequences for inner in sequence))


def _bytes_of_member(member: Any) -> frozenset[int]:
    operation, argument = member
    if str(operation) == "LITERAL":
        return frozenset({argument})
    if str(operation) == "RANGE":
        return frozenset(range(argument[0], argument[1] + 1))
    return _bytes_of_category(str(argument))


def _in_both_cases(numbers: AbstractSet[int]) -> frozenset[int]:
    """The characters with the letters of the other case, for a regex may say (?i)."""
    return frozenset(numbers) | frozenset(ord(sign) for number in numbers for sign in chr(number).swapcase())


@functools.cache
def _bytes_of_category(name: str) -> frozenset[int]:
    if name not in _CATEGORIES:
        return _EVERY_BYTE
    category = re.compile(_CATEGORIES[name])
    return frozenset(byte for byte in _EVERY_BYTE if category.match(bytes([byte])))
