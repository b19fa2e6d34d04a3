"""The required prefix of a regular expression: the part of every match before the first unbounded repeat.

Hyperscan reports the ends of matches only. The end of the prefix tells roughly where a match begins; tracking the
starts of long matches would cost Hyperscan half its speed and much compile time.
"""

import importlib
import re
from typing import Any, NamedTuple

_parser: Any = importlib.import_module("re._parser")

_MAX_LENGTH = 256
_CATEGORY_CLASSES = {"CATEGORY_DIGIT": r"\d", "CATEGORY_WORD": r"\w"}


class RegexPrefix(NamedTuple):
    """The regular expression of a prefix, and the maximum number of bytes that it matches."""

    regex: str
    max_length: int


def required_prefix(regex: str) -> RegexPrefix | None:
    """Return the required prefix of a valid regular expression, or None if it is empty or too long."""
    parsed = _parser.parse(regex.encode())
    parts, _ = _prefix_of_sequence(parsed)
    ignore_case = "(?i)" if parsed.state.flags & re.IGNORECASE else ""
    prefix = ignore_case + "".join(parts)
    min_length, max_length = _parser.parse(prefix.encode()).getwidth()
    return RegexPrefix(prefix, int(max_length)) if min_length and max_length <= _MAX_LENGTH else None


def _prefix_of_sequence(sequence: Any) -> tuple[list[str], bool]:
    """Return the parts of the prefix, and whether it is shorter than the whole sequence."""
    parts: list[str] = []
    for operation, argument in sequence:
        part, is_cut = _prefix_of(str(operation), argument)
        parts.append(part)
        if is_cut:
            return parts, True
    return parts, False


def _prefix_of(name: str, argument: Any) -> tuple[str, bool]:
    match name:
        case "LITERAL":
            return _byte(argument), False
        case "IN":
            return f"[{''.join(map(_class_member, argument))}]", False
        case "AT":
            return r"\b", False
        case "SUBPATTERN":
            _, added_flags, _, body = argument
            parts, is_cut = _prefix_of_sequence(body)
            return f"(?{'i' if added_flags & re.IGNORECASE else ''}:{''.join(parts)})", is_cut
        case "BRANCH":
            branches = [_prefix_of_sequence(branch) for branch in argument[1]]
            return f"(?:{'|'.join(''.join(parts) for parts, _ in branches)})", any(is_cut for _, is_cut in branches)
    return _prefix_of_repeat(*argument)


def _prefix_of_repeat(minimum: int, maximum: Any, body: Any) -> tuple[str, bool]:
    parts, is_cut = _prefix_of_sequence(body)
    once = f"(?:{''.join(parts)})"
    if is_cut:
        return (once if minimum else ""), True
    if int(maximum) > _MAX_LENGTH:
        return f"{once}{{{minimum}}}" if minimum else "", True
    return f"{once}{{{minimum},{int(maximum)}}}", False


def _class_member(member: Any) -> str:
    operation, argument = member
    if str(operation) == "RANGE":
        return f"{_byte(argument[0])}-{_byte(argument[1])}"
    return _byte(argument) if str(operation) == "LITERAL" else _CATEGORY_CLASSES[str(argument)]


def _byte(byte: int) -> str:
    return chr(byte) if chr(byte).isalnum() else f"\\x{byte:02x}"
