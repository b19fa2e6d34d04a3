"""What was found in a text, counted in its characters."""

from collections.abc import Sequence
from typing import NamedTuple

from waivern.rulesets.engine.pattern_engine import Matched


class Span(NamedTuple):
    """One thing found in a text.

    Args:
        start: First character, from 0.
        end: Behind the last character.
        category: Of the rule.
        rule: Its name.
        pattern: Which of the rule's patterns, or the field name's term.
        confidence: From 0 to 1.
        reasons: Why it counts, in words.
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


def in_characters(text: str, data: bytes, matched: Matched) -> Matched:
    """Return what was matched in `data`, the UTF-8 bytes of `text`, with offsets in characters.

    Only what lies between matches is decoded, once: patterns are whole characters, so none is cut.
    """
    if len(text) == len(data):
        return matched
    offsets = {offset for start, end, _ in matched.values for offset in (start, end)}
    for ends in matched.words:
        offsets.update(ends)
    character_at = {}
    before = characters = 0
    for offset in sorted(offsets):
        characters += len(data[before:offset].decode("utf-8", "ignore"))
        character_at[offset] = characters
        before = offset
    values = [(character_at[start], character_at[end], pattern) for start, end, pattern in matched.values]
    return Matched(values, [[character_at[end] for end in ends] for ends in matched.words])


def without_overlaps(spans: Sequence[Span]) -> list[Span]:
    """Return the spans of which no two overlap, sorted by start: the surer wins, of two as sure the longer."""
    if len(spans) < 2:
        return list(spans)
    kept: list[Span] = []
    cluster: list[Span] = []
    reach = -1
    for span in sorted(spans):
        if span.start >= reach:
            kept += _surest(cluster)
            cluster = []
        cluster.append(span)
        reach = max(reach, span.end)
    return kept + _surest(cluster)


def _surest(cluster: list[Span]) -> list[Span]:
    if len(cluster) < 2:
        return cluster
    kept: list[Span] = []
    for span in sorted(cluster, key=lambda span: (-span.confidence, span.start - span.end, span)):
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return sorted(kept)
