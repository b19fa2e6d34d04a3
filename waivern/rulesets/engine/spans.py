"""Spans: matches in a text with their confidence, and operations on ranges of offsets."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from waivern.rulesets.engine.pattern_engine import Matches


class Span(NamedTuple):
    """A match in a text.

    Args:
        start: The first character, from 0.
        end: The end, exclusive.
        category: The category of the rule.
        rule: The name of the rule.
        pattern: The name of the rule's pattern, or the matched term.
        confidence: From 0 to 1.
        reasons: What the confidence is based on, as text.
        is_name: Whether it is the name of a field, not a value.
    """

    start: int
    end: int
    category: str
    rule: str
    pattern: str
    confidence: float
    reasons: tuple[str, ...]
    is_name: bool = False


def to_character_offsets(text: str, data: bytes, matches: Matches) -> Matches:
    """Convert the offsets of matches in `data`, the UTF-8 bytes of `text`, to characters.

    Only the text between matches is decoded, once. No match begins or ends within a character.
    """
    if len(text) == len(data):
        return matches
    offsets = {offset for start, end, _ in matches.patterns for offset in (start, end)}
    for ends in matches.word_ends:
        offsets.update(ends)
    character_at = {}
    previous = characters = 0
    for offset in sorted(offsets):
        characters += len(data[previous:offset].decode("utf-8", "ignore"))
        character_at[offset] = characters
        previous = offset
    patterns = [(character_at[start], character_at[end], pattern) for start, end, pattern in matches.patterns]
    return Matches(patterns, [[character_at[end] for end in ends] for ends in matches.word_ends])


def merged_windows(ends: Iterable[int], *, before: int, after: int = 0) -> Iterator[tuple[int, int]]:
    """Yield disjoint ranges that cover `before` and `after` offsets around each of the sorted `ends`."""
    first, last = 0, -1
    for end in ends:
        begin = max(0, end - before)
        if last < 0:
            first = begin
        elif begin > last:
            yield first, last
            first = begin
        last = end + after
    if last >= 0:
        yield first, last


def without_overlaps(spans: Sequence[Span]) -> list[Span]:
    """Return non-overlapping spans, sorted by start. The most confident span wins, then the longest."""
    if len(spans) < 2:
        return list(spans)
    by_start = sorted(spans)
    if all(span[1] <= following[0] for span, following in pairwise(by_start)):
        return by_start
    kept: list[Span] = []
    cluster: list[Span] = []
    cluster_end = -1
    for span in by_start:
        if span.start >= cluster_end:
            kept += _best_of(cluster)
            cluster = []
        cluster.append(span)
        cluster_end = max(cluster_end, span.end)
    return kept + _best_of(cluster)


def _best_of(cluster: list[Span]) -> list[Span]:
    if len(cluster) < 2:
        return cluster
    kept: list[Span] = []
    for span in sorted(cluster, key=lambda span: (-span.confidence, span.start - span.end, span)):
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return sorted(kept)
