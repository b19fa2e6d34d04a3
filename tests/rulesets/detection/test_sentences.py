"""Detection in sentences in ten languages.

`sentences.txt` labels the expected values: "[phone|+44 20 7946 0958]". Names of people are expected after a title or an
introduction; no pattern can tell other names ("[name?|Peter Parker]", which are optional) from other words.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.builders.detecting import RULES
from waivern.rulesets.detection.detector import detector_for

FILE = Path(__file__).parent / "sentences.txt"
LABEL = re.compile(r"\[(?P<category>[a-z_]+)(?P<optional>\??)\|(?P<value>[^\]]*)\]")
DETECTOR = detector_for(RULES.for_scans())

KNOWN_TO_BE_MISSED = {
    "S10 2FX",  # no context word for a postcode is nearby
    "LK63 ABC",  # with "registration" as a context word, too many identifiers in code would be number plates
}
KNOWN_TO_BE_WRONG = {"Frau Holle", "3 January 2024"}


class Label(NamedTuple):
    start: int
    end: int
    category: str
    is_optional: bool


def parsed(line: str) -> tuple[str, list[Label]]:
    """Return the sentence without its labels, and the labels with their positions."""
    text, labels, last = "", [], 0
    for mark in LABEL.finditer(line):
        text += line[last : mark.start()]
        value = mark["value"]
        labels.append(Label(len(text), len(text) + len(value), mark["category"], bool(mark["optional"])))
        text += value
        last = mark.end()
    return text + line[last:], labels


SENTENCES = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("line", SENTENCES)
def test_each_labelled_value_of_a_sentence_is_found_and_nothing_else(line: str):
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
    assert [value for value in missed if value not in KNOWN_TO_BE_MISSED] == []
    assert [value for value in wrong if value not in KNOWN_TO_BE_WRONG] == []


def test_known_errors_occur_in_the_sentences_and_still_exist():
    text = "\n".join(parsed(line)[0] for line in SENTENCES)
    assert not [value for value in (*KNOWN_TO_BE_MISSED, *KNOWN_TO_BE_WRONG) if value not in text]
    found = {
        text[span.start : span.end]
        for text, _ in map(parsed, SENTENCES)
        for span in DETECTOR.detect_all([text]).get(0, [])
        if span.confidence >= 0.5
    }
    assert found >= KNOWN_TO_BE_WRONG
    assert not found & KNOWN_TO_BE_MISSED
