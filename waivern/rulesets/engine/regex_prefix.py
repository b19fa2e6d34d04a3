"""The beginning that every match of a regular expression has, up to its first repeat without a bound.

A fast engine that reports ends only says where such a beginning ends, and thus nearly where the match begins; to keep
track of the starts of long matches would cost it half its speed, and much more time to be made ready.
"""

import importlib
import re
from typing import Any, NamedTuple

_parser: Any = importlib.import_module("re._parser")

_LONG = 256
_OF_CATEGORY = {"CATEGORY_DIGIT": r"\d", "CATEGORY_WORD": r"\w"}


class Head(NamedTuple):
    """A regular expression of the beginning, and the most bytes that it matches."""

    regex: str
    longest: int


def head_of(regex: str) -> Head | None:
    """Return the beginning of a regular expression without fault, or None where it has none or a long one."""
    parsed = _parser.parse(regex.encode())
    beginning, _ = _beginning(parsed)
    ignore_case = "(?i)" if parsed.state.flags & re.IGNORECASE else ""
    written = ignore_case + "".join(beginning)
    shortest, longest = _parser.parse(written.encode()).getwidth()
    return Head(written, int(longest)) if shortest and longest <= _LONG else None


def _beginning(sequence: Any) -> tuple[list[str], bool]:
    """What a sequence begins with, and whether that is less than all of it."""
    written: list[str] = []
    for operation, argument in sequence:
        part, is_cut = _part(str(operation), argument)
        written.append(part)
        if is_cut:
            return written, True
    return written, False


def _part(name: str, argument: Any) -> tuple[str, bool]:
    match name:
        case "LITERAL":
            return _sign(argument), False
        case "IN":
            return f"[{''.join(map(_member, argument))}]", False
        case "AT":
            return r"\b", False
        case "SUBPATTERN":
            _, added, _, body = argument
            written, is_cut = _beginning(body)
            return f"(?{'i' if added & re.IGNORECASE else ''}:{''.join(written)})", is_cut
        case "BRANCH":
            branches = [_beginning(branch) for branch in argument[1]]
            return f"(?:{'|'.join(''.join(written) for written, _ in branches)})", any(cut for _, cut in branches)
    return _repeat(*argument)


def _repeat(least: int, most: Any, body: Any) -> tuple[str, bool]:
    written, is_cut = _beginning(body)
    once = f"(?:{''.join(written)})"
    if is_cut:
        return (once if least else ""), True
    if int(most) > _LONG:
        return f"{once}{{{least}}}" if least else "", True
    return f"{once}{{{least},{int(most)}}}", False


def _member(member: Any) -> str:
    operation, argument = member
    if str(operation) == "RANGE":
        return f"{_sign(argument[0])}-{_sign(argument[1])}"
    return _sign(argument) if str(operation) == "LITERAL" else _OF_CATEGORY[str(argument)]


def _sign(byte: int) -> str:
    return chr(byte) if chr(byte).isalnum() else f"\\x{byte:02x}"
