"""Measure the throughput of the personal data analyser: `python -m benchmarks.scan_throughput [--megabytes 20]`."""

import argparse
from collections.abc import Sequence
from typing import Any

from benchmarks.corpus import dense_messages, messages
from benchmarks.measuring import Measured, measured, peak_memory_mb, print_table
from waivern.analysers.indicators.analyser import IndicatorAnalyser
from waivern.analysers.indicators.factory import PersonalDataAnalyserFactory
from waivern.analysers.indicators.input_texts import BATCH_CHARACTERS
from waivern.gc_tuning import raise_gc_threshold
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.rulesets.detection.detector import Detector, detector_for
from waivern.rulesets.loading.ruleset_loader import load_ruleset

INDICATOR = Schema("personal_data_indicator", "1.0.0")
RULESET = "local/personal_data_indicator/1.0.0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=20.0)
    megabytes = parser.parse_args().megabytes
    raise_gc_threshold()  # like every process of Waivern
    corpus = messages(megabytes)
    corpus_memory_mb = peak_memory_mb()
    analyser = PersonalDataAnalyserFactory().create({"pattern_matching": {"ruleset": RULESET}})
    detector = detector_for(load_ruleset(RULESET).for_scans())
    size_mb = _size_mb(_buffers(corpus))
    header = ("measurement", "MB / CPU s", "MB / s", "CPU s", "x engine alone")
    mix = _rows(analyser, detector, corpus)
    print_table(f"personal_data over {size_mb:.1f} MB of code, prose and rows", header, mix)
    dense = _rows(analyser, detector, dense_messages(megabytes / 4))
    print_table("personal_data over a dense dump: names, e-mail addresses, phones, dates", header, dense)
    print_table("memory and findings", ("measurement", "value"), _memory(analyser, corpus, corpus_memory_mb))


def _rows(analyser: IndicatorAnalyser, detector: Detector, corpus: Sequence[Message]) -> list[Sequence[Any]]:
    buffers = _buffers(corpus)
    size_mb = _size_mb(buffers)
    engine = measured(lambda: _scan(detector, buffers), times=3)
    end_to_end = measured(lambda: analyser.process(corpus, INDICATOR), times=3)
    return [_row("engine alone", engine, size_mb, engine), _row("end to end", end_to_end, size_mb, engine)]


def _size_mb(buffers: Sequence[bytes]) -> float:
    return sum(map(len, buffers)) / 1e6


def _row(label: str, work: Measured, size_mb: float, baseline: Measured) -> Sequence[Any]:
    return label, size_mb / work.cpu_s, size_mb / work.wall_s, work.cpu_s, work.cpu_s / baseline.cpu_s


def _scan(detector: Detector, buffers: Sequence[bytes]) -> None:
    for buffer in buffers:
        detector.scan(buffer)


def _buffers(corpus: Sequence[Message]) -> list[bytes]:
    joined = "\0".join(entry["content"] for message in corpus for entry in message.content["data"]).encode()
    return [joined[start : start + BATCH_CHARACTERS] for start in range(0, len(joined), BATCH_CHARACTERS)]


def _memory(analyser: IndicatorAnalyser, corpus: Sequence[Message], corpus_memory_mb: float) -> list[Sequence[Any]]:
    summary = analyser.process(corpus, INDICATOR).content["summary"]
    return [
        ("peak MB with the corpus, before scanning", corpus_memory_mb),
        ("peak MB at the end", peak_memory_mb()),
        ("findings", summary["total_findings"]),
        ("matches", summary["total_matches"]),
    ]


if __name__ == "__main__":
    main()
