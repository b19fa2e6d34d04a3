"""What is found in sentences, and what is not: each value by its category, in the languages that rules know.

`sentences.txt` marks what is to be found: "[phone|+44 20 7946 0958]". Names of people are aimed for where they have a
title or where somebody says their name; other names ("[name?|Peter Parker]") no pattern tells from other words.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.builders.detecting import RULES
from waivern.rulesets.detection.detector import detector_for

FILE = Path(__file__).parent / "sentences.txt"
MARKED = re.compile(r"\[(?P<category>[a-z_]+)(?P<optional>\??)\|(?P<value>[^\]]*)\]")
DETECTOR = detector_for(RULES.for_scans())

KNOWN_TO_BE_MISSED = {
    "S10 2FX",  # nothing near by says that it is a postcode
    "LK63 ABC",  # near "registration" alone half of all that code calls by letters and digits would be a number plate
}
KNOWN_TO_BE_WRONG = {"Frau Holle", "3 January 2024"}


class Label(NamedTuple):
    start: int
    end: int
    category: str
    is_optional: bool


def parsed(line: str) -> tuple[str, list[Label]]:
    """The sentence without its marks, and where what they mark stands in it."""
    text, labels, last = "", [], 0
    for mark in MARKED.finditer(line):
        text += line[last : mark.start()]
        value = mark["value"]
        labels.append(Label(len(text), len(text) + len(value), mark["category"], bool(mark["optional"])))
        text += value
        last = mark.end()
    return text + line[last:], labels


SENTENCES = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("line", SENTENCES)
def test_in_a_sentence_each_value_is_found_and_nothing_else(line: str):
    text, labels = parsed(line)
    spans = DETECTOR.detect_all([text]).get(0, [])
    found = [span for span in spans if span.confidence >= 0.5 and not span.is_name]
    missed, explained = [], set()
    for label in labels:
        hits = [
            span
            for span in found
            if span.category == label.category
            and 2 * (min(span.end, label.end) - max(span.start, label.start))
            >= max(span.end - span.start, label.end - label.start)
        ]
        explained.update(hits)
        if not hits and not label.is_optional:
            missed.append(text[label.start : label.end])
    wrong = [text[span.start : span.end] for span in found if span not in explained]
    assert [each for each in missed if each not in KNOWN_TO_BE_MISSED] == []
    assert [each for each in wrong if each not in KNOWN_TO_BE_WRONG] == []


def test_what_is_known_to_be_missed_or_wrong_stands_in_the_sentences_and_is_still_so():
    text = "\n".join(parsed(line)[0] for line in SENTENCES)
    assert not [each for each in (*KNOWN_TO_BE_MISSED, *KNOWN_TO_BE_WRONG) if each not in text]
    found = {
        text[span.start : span.end]
        for text, _ in map(parsed, SENTENCES)
        for span in DETECTOR.detect_all([text]).get(0, [])
        if span.confidence >= 0.5
    }
    assert found >= KNOWN_TO_BE_WRONG
    assert not found & KNOWN_TO_BE_MISSED
