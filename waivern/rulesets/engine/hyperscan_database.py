"""Hyperscan databases of pattern sets. They are kept in the user's cache: compiling is slow, loading is not."""

import functools
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import hyperscan
import msgspec

from waivern.rulesets.engine.pattern_engine import KEY_MARK, Boundary, PatternSet
from waivern.rulesets.engine.regex_prefix import RegexPrefix, required_prefix
from waivern.rulesets.engine.regex_rules import max_match_length
from waivern.user_cache import key_of, user_cache

MAX_LENGTH_WITHOUT_START = 256
"""Up to this length of a match the exact engine finds its start: tracking starts costs Hyperscan half its speed."""

_UNBOUNDED = 2**31

_SHORT = 4
"""A word of up to this many bytes is part of many others, so Hyperscan also checks the character before it."""

_Expression = tuple[bytes, int, int]
"""A regular expression, its id and its flags."""

_SpellingKey = tuple[bytes, Boundary, bool]

_CPU_FIELDS = ("vendor_id", "cpu family", "model", "flags")


class Spelling(NamedTuple):
    """One spelling of a word, and the groups of words that contain it."""

    groups: list[int]
    length: int
    boundary: Boundary


class CompiledSet(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern set as Hyperscan searches for it.

    Args:
        max_lengths: The maximum length of a match of each pattern.
        prefixes: The prefix that Hyperscan searches for instead of each pattern, if any.
        spellings: The words; their expressions follow those of the patterns.
        database: The serialised Hyperscan database. It is valid for one version of Hyperscan and one kind of CPU.
    """

    max_lengths: list[int]
    prefixes: list[RegexPrefix | None]
    spellings: list[Spelling]
    database: bytes


def compiled(pattern_set: PatternSet) -> tuple[CompiledSet, Any]:
    """Return a compiled pattern set and its Hyperscan database, from the user's cache if possible.

    Raises:
        ValueError: Hyperscan rejects a pattern.
    """
    key = key_of("rulesets", _hyperscan_version(), _cpu(), msgspec.msgpack.encode(pattern_set))
    stored = user_cache().get(key)
    if stored is not None:
        with suppress(msgspec.DecodeError, hyperscan.error):
            found = msgspec.msgpack.decode(stored, type=CompiledSet)
            return found, hyperscan.loadb(found.database, hyperscan.HS_MODE_BLOCK)
    result, database = _compile(pattern_set)
    user_cache().put(key, msgspec.msgpack.encode(result))
    return result, database


def _compile(pattern_set: PatternSet) -> tuple[CompiledSet, Any]:
    max_lengths = [min(max_match_length(pattern.regex), _UNBOUNDED) for pattern in pattern_set.patterns]
    prefixes = [
        required_prefix(pattern.regex) if length > MAX_LENGTH_WITHOUT_START else None
        for pattern, length in zip(pattern_set.patterns, max_lengths, strict=True)
    ]
    spellings = _spellings(pattern_set)
    database = _checked_database(
        [
            *_pattern_expressions(pattern_set, max_lengths, prefixes),
            *_word_expressions(spellings, len(pattern_set.patterns)),
        ]
    )
    result = CompiledSet(
        max_lengths=max_lengths,
        prefixes=prefixes,
        spellings=list(spellings.values()),
        database=hyperscan.dumpb(database),
    )
    return result, database


def _pattern_expressions(
    pattern_set: PatternSet, max_lengths: Sequence[int], prefixes: Sequence[RegexPrefix | None]
) -> Iterator[_Expression]:
    for number, (pattern, max_length, prefix) in enumerate(
        zip(pattern_set.patterns, max_lengths, prefixes, strict=True)
    ):
        if prefix is not None:
            yield prefix.regex.encode(), number, 0
        else:
            knows_start = max_length > MAX_LENGTH_WITHOUT_START
            yield pattern.regex.encode(), number, hyperscan.HS_FLAG_SOM_LEFTMOST if knows_start else 0


def _spellings(pattern_set: PatternSet) -> dict[_SpellingKey, Spelling]:
    """Return each distinct spelling once. Compiling is fast because each has its own id."""
    spellings: dict[_SpellingKey, Spelling] = {}
    for group, words in enumerate(pattern_set.word_groups):
        for word in words:
            for spelling in word.spellings():
                key = (spelling if word.case_sensitive else spelling.lower(), word.boundary, word.case_sensitive)
                groups = spellings.setdefault(key, Spelling([], len(spelling), word.boundary)).groups
                if group not in groups:
                    groups.append(group)
    return spellings


def _word_expressions(spellings: Iterable[_SpellingKey], first_id: int) -> Iterator[_Expression]:
    for number, (spelling, boundary, case_sensitive) in enumerate(spellings, first_id):
        regex = re.escape(spelling)
        if boundary is Boundary.WHOLE_WORD and len(spelling) <= _SHORT and spelling[:1].isalnum():
            regex = rb"(?:\b|_)" + regex
        elif boundary is Boundary.KEY:
            regex = (rb"\b" if spelling[:1].isalnum() else b"") + regex + KEY_MARK
        yield regex, number, 0 if case_sensitive else hyperscan.HS_FLAG_CASELESS


def _checked_database(expressions: Sequence[_Expression]) -> Any:
    try:
        return _database(expressions)
    except hyperscan.error as error:
        raise ValueError(
            _rejected_pattern(expressions) or f"Hyperscan rejects the combined patterns: {error}"
        ) from error


def _database(expressions: Sequence[_Expression]) -> Any:
    regexes, ids, flags = zip(*expressions, strict=True)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=list(regexes), ids=list(ids), flags=list(flags))
    return database


def _rejected_pattern(expressions: Sequence[_Expression]) -> str | None:
    """Return an error for the first pattern that does not compile alone."""
    for expression in expressions:
        try:
            _database([expression])
        except hyperscan.error as error:
            return f"Hyperscan rejects the regex {expression[0].decode()}: {error}"
    return None


@functools.cache
def _cpu() -> bytes:
    """Return the kind of this machine's first processor: Hyperscan compiles for what it can do."""
    fields = [platform.machine()]
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        for line in lines:
            if not line.strip():
                break
            if line.startswith(_CPU_FIELDS):
                fields.append(line)
    return "".join(fields).encode()


def _hyperscan_version() -> bytes:
    version: str = getattr(hyperscan, "__version__", "unknown")  # the package's stubs do not declare it
    return version.encode()
