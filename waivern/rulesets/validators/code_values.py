"""The checks of what stands in code: imports, hosts, calls."""

import re
from collections.abc import Callable, Mapping

Bounds = tuple[int, int]


def import_statement(value: str) -> Bounds | None:
    """Accept `import name` unless a word of prose follows, or the path of another module.

    Of several names in one statement it is the last; those before it are for others to find.
    """
    first, *names = value.split()
    start = 0
    while len(names) > 1 and names[0].endswith(","):
        start = value.index(names[0], start) + len(names.pop(0))
    is_prose = first == "import" and len(names) > 1 and names[1] != "as"
    return None if is_prose else (value.index(names[0], start) if start else 0, len(value))


def call(value: str) -> Bounds | None:
    """Accept what is called, less the words before it, and not what is defined: `def md5(self)`."""
    match = _CALLED.search(value)
    if match is None:
        return None
    words = value[: match.start()].split()
    return None if words and words[-1] in _DEFINING else (match.start(), len(value))


_CALLED = re.compile(r"[A-Za-z0-9_]+\(|, ?'")
_DEFINING = {"class", "def", "function", "func", "fn", "string", "String", "void"}


def service_host(value: str) -> Bounds | None:
    """Accept a host that code talks to, not the pages that people read about it."""
    return None if value.partition(".")[0] in _PAGES else (0, len(value))


_PAGES = {"www", "blog", "community", "developer", "developers", "doc", "docs", "help", "learn", "status", "support"}


CODE_VALIDATORS: Mapping[str, Callable[[str], Bounds | None]] = {
    "call": call,
    "import_statement": import_statement,
    "service_host": service_host,
}
