"""Validators for matches in code: imports, hosts, calls."""

import re
from collections.abc import Callable, Mapping

Bounds = tuple[int, int]


def import_statement(value: str) -> Bounds | None:
    """Accept `import name` unless prose or the path of a different module follows.

    If one statement imports several names, only the last is accepted; other matches cover the names before it.
    """
    first, *names = value.split()
    start = 0
    while len(names) > 1 and names[0].endswith(","):
        start = value.index(names[0], start) + len(names.pop(0))
    is_prose = first == "import" and len(names) > 1 and names[1] != "as"
    return None if is_prose else (value.index(names[0], start) if start else 0, len(value))


def call(value: str) -> Bounds | None:
    """Accept a call without the words before it, but not a definition such as `def md5(self)`."""
    match = _CALL.search(value)
    if match is None:
        return None
    words = value[: match.start()].split()
    return None if words and words[-1] in _DEFINITION_KEYWORDS else (match.start(), len(value))


_CALL = re.compile(r"[A-Za-z0-9_]+\(|, ?'")
_DEFINITION_KEYWORDS = {"class", "def", "function", "func", "fn", "string", "String", "void"}


def service_host(value: str) -> Bounds | None:
    """Accept a host that code connects to, but not the service's web pages (www, docs, blog)."""
    return None if value.partition(".")[0] in _WEBSITES else (0, len(value))


_WEBSITES = {
    "www",
    "blog",
    "community",
    "developer",
    "developers",
    "doc",
    "docs",
    "help",
    "learn",
    "status",
    "support",
}


CODE_VALIDATORS: Mapping[str, Callable[[str], Bounds | None]] = {
    "call": call,
    "import_statement": import_statement,
    "service_host": service_host,
}
