"""Measure precision and recall of `waivern detect --jsonl` on labelled sentences.

`python -m benchmarks.labelled_sentences FILE`, where FILE is a JSON list of sentences, each with `full_text` and
`spans` (`entity_type`, `start_position`, `end_position`). A detected span matches a label of the same type if they
overlap by at least half of both.
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

MATCHES_TYPE: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "EMAIL_ADDRESS": lambda span: span["category"] == "email",
    "IBAN_CODE": lambda span: span["rule"] == "iban",
    "CREDIT_CARD": lambda span: span["category"] == "payment_card",
    "US_SSN": lambda span: span["rule"] == "us_social_security_number",
    "IP_ADDRESS": lambda span: span["category"] == "ip_address",
    "PHONE_NUMBER": lambda span: span["category"] == "phone",
    "DATE_TIME": lambda span: span["category"] in ("date_of_birth", "date"),
    "US_DRIVER_LICENSE": lambda span: span["rule"] == "identity_document",
}

PARTIALLY_SUPPORTED = {"ADDRESS": "address", "PERSON": "name"}
"""Types of which only some forms are supported, and their categories."""

Spans = list[dict[str, Any]]


def detect(texts: Iterable[str]) -> tuple[list[Spans], float]:
    """Return the spans of each text, and the time in seconds."""
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    started = time.perf_counter()
    command = [sys.executable, "-m", "waivern", "detect", "--jsonl"]
    process = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line)["spans"] for line in process.stdout.splitlines()], time.perf_counter() - started


def overlap(span: Mapping[str, Any], label: Mapping[str, Any]) -> int:
    return int(min(span["end"], label["end_position"]) - max(span["start"], label["start_position"]))


def is_match(span: Mapping[str, Any], label: Mapping[str, Any]) -> bool:
    shared = overlap(span, label)
    span_length, label_length = span["end"] - span["start"], label["end_position"] - label["start_position"]
    return bool(shared * 2 >= span_length and shared * 2 >= label_length)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--show", metavar="TYPE", help="print missed labels of this type, and false positives")
    arguments = parser.parse_args()
    sentences = json.loads(arguments.file.read_text(encoding="utf-8"))
    found, seconds = detect(sentence["full_text"] for sentence in sentences)
    rows = [_row(kind, sentences, found, shown=arguments.show) for kind in MATCHES_TYPE]
    header = ("type", "labels", "precision", "recall", "F1")
    print_table(f"{len(sentences):,} sentences in {seconds:.1f} s", header, rows)
    rows = [_partial_row(kind, sentences, found) for kind in PARTIALLY_SUPPORTED]
    header = ("type", "labels", "labels with overlapping spans", "spans", "spans that overlap a label")
    print_table("partially supported types", header, rows)
    unlabelled = [
        (sentence, span)
        for sentence, spans in zip(sentences, found, strict=True)
        for span in _unlabelled(sentence, spans)
    ]
    by_category = Counter(span["category"] for _, span in unlabelled)
    rows = [*sorted(by_category.items()), ("all", len(unlabelled))]
    print_table("spans that overlap no label", ("category", "spans"), rows)
    if arguments.show:
        for sentence, span in unlabelled:
            print(
                span["rule"], "|", sentence["full_text"][span["start"] : span["end"]], "|", sentence["full_text"][:100]
            )


def _row(kind: str, sentences: list[Any], found: list[Spans], *, shown: str | None) -> tuple[Any, ...]:
    true_positives = false_negatives = false_positives = 0
    for sentence, spans in zip(sentences, found, strict=True):
        labels = [label for label in sentence["spans"] if label["entity_type"] == kind]
        same_type = [span for span in spans if MATCHES_TYPE[kind](span)]
        for label in labels:
            is_found = any(is_match(span, label) for span in same_type)
            true_positives, false_negatives = true_positives + is_found, false_negatives + (not is_found)
            if not is_found and shown == kind:
                print("missed", label["entity_value"], "|", sentence["full_text"][:120])
        false_positives += sum(not any(is_match(span, label) for label in labels) for span in same_type)
    detections, labelled = true_positives + false_positives, true_positives + false_negatives
    precision = true_positives / detections if detections else 0.0
    recall = true_positives / labelled if labelled else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return kind, labelled, precision, recall, f1


def _partial_row(kind: str, sentences: list[Any], found: list[Spans]) -> tuple[Any, ...]:
    label_count = touched = span_count = in_label = 0
    for sentence, spans in zip(sentences, found, strict=True):
        same_type = [span for span in spans if span["category"] == PARTIALLY_SUPPORTED[kind]]
        labels = [label for label in sentence["spans"] if label["entity_type"] == kind]
        label_count += len(labels)
        touched += sum(any(overlap(span, label) > 0 for span in same_type) for label in labels)
        span_count += len(same_type)
        in_label += len(same_type) - len(_unlabelled(sentence, same_type))
    return kind, label_count, touched, span_count, in_label


def _unlabelled(sentence: Mapping[str, Any], spans: Spans) -> Spans:
    return [span for span in spans if not any(overlap(span, label) > 0 for label in sentence["spans"])]


if __name__ == "__main__":
    main()
