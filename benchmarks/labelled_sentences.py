"""How right detection is on labelled sentences, through `waivern detect --jsonl`.

`python -m benchmarks.labelled_sentences FILE`, where FILE holds a JSON list of sentences, each with `full_text` and
`spans` (`entity_type`, `start_position`, `end_position`). A detected span counts for a labelled one of the fitting
type where they overlap by at least half of both. A false positive is one of a value that overlaps no labelled one.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.measuring import print_table

FITS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "EMAIL_ADDRESS": lambda span: span["category"] == "email",
    "IBAN_CODE": lambda span: span["rule"] == "iban",
    "CREDIT_CARD": lambda span: span["category"] == "payment_card",
    "US_SSN": lambda span: span["rule"] == "us_social_security_number",
    "IP_ADDRESS": lambda span: span["category"] == "ip_address",
    "PHONE_NUMBER": lambda span: span["category"] == "phone",
    "DATE_TIME": lambda span: span["category"] in ("date_of_birth", "date"),
    "US_DRIVER_LICENSE": lambda span: span["rule"] == "identity_document",
}

AIMED_FOR_IN_PART = {"ADDRESS": "address", "PERSON": "name"}
"""Types of which some forms are found only, with the category that they are found as."""

Spans = list[dict[str, Any]]


def detected(texts: Iterable[str]) -> tuple[list[Spans], float]:
    """Return what is found in each text, and the seconds that it took."""
    given = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    started = time.perf_counter()
    command = [sys.executable, "-m", "waivern", "detect", "--jsonl"]
    told = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    return [json.loads(line)["spans"] for line in told.stdout.splitlines()], time.perf_counter() - started


def overlap(span: Mapping[str, Any], label: Mapping[str, Any]) -> int:
    return int(min(span["end"], label["end_position"]) - max(span["start"], label["start_position"]))


def is_hit(span: Mapping[str, Any], label: Mapping[str, Any]) -> bool:
    shared = overlap(span, label)
    length, labelled = span["end"] - span["start"], label["end_position"] - label["start_position"]
    return bool(shared * 2 >= length and shared * 2 >= labelled)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--show", metavar="TYPE", help="print what of this type was missed, and false positives")
    arguments = parser.parse_args()
    sentences = json.loads(arguments.file.read_text(encoding="utf-8"))
    found, seconds = detected(sentence["full_text"] for sentence in sentences)
    rows = [_row(kind, sentences, found, shown=arguments.show) for kind in FITS]
    print_table(f"{len(sentences):,} sentences in {seconds:.1f} s", ("type", "labelled", "P", "R", "F1"), rows)
    rows = [_part(kind, sentences, found) for kind in AIMED_FOR_IN_PART]
    print_table("aimed for in part", ("type", "labelled", "of these touched", "spans", "in some label"), rows)
    stray = [
        (sentence, span) for sentence, spans in zip(sentences, found, strict=True) for span in _stray(sentence, spans)
    ]
    by_category = Counter(span["category"] for _, span in stray)
    print_table(
        "spans that overlap no label", ("category", "spans"), [*sorted(by_category.items()), ("all", len(stray))]
    )
    if arguments.show:
        for sentence, span in stray:
            print(
                span["rule"], "|", sentence["full_text"][span["start"] : span["end"]], "|", sentence["full_text"][:100]
            )


def _row(kind: str, sentences: list[Any], found: list[Spans], *, shown: str | None) -> tuple[Any, ...]:
    right = missed = wrong = 0
    for sentence, spans in zip(sentences, found, strict=True):
        labels = [label for label in sentence["spans"] if label["entity_type"] == kind]
        fitting = [span for span in spans if FITS[kind](span)]
        for label in labels:
            hit = any(is_hit(span, label) for span in fitting)
            right, missed = right + hit, missed + (not hit)
            if not hit and shown == kind:
                print("missed", label["entity_value"], "|", sentence["full_text"][:120])
        wrong += sum(not any(is_hit(span, label) for label in labels) for span in fitting)
    precision = right / (right + wrong) if right + wrong else 0.0
    recall = right / (right + missed) if right + missed else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return kind, right + missed, precision, recall, f1


def _part(kind: str, sentences: list[Any], found: list[Spans]) -> tuple[Any, ...]:
    labelled = touched = all_spans = in_label = 0
    for sentence, spans in zip(sentences, found, strict=True):
        fitting = [span for span in spans if span["category"] == AIMED_FOR_IN_PART[kind]]
        labels = [label for label in sentence["spans"] if label["entity_type"] == kind]
        labelled += len(labels)
        touched += sum(any(overlap(span, label) > 0 for span in fitting) for label in labels)
        all_spans += len(fitting)
        in_label += len(fitting) - len(_stray(sentence, fitting))
    return kind, labelled, touched, all_spans, in_label


def _stray(sentence: Mapping[str, Any], spans: Spans) -> Spans:
    return [span for span in spans if not any(overlap(span, label) > 0 for label in sentence["spans"])]


if __name__ == "__main__":
    main()
