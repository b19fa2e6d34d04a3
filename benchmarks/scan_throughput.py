"""How fast personal data is looked for: `python -m benchmarks.scan_throughput [--megabytes 20]`."""

import argparse
from collections.abc import Sequence
from typing import Any

from benchmarks.corpus import messages
from benchmarks.measuring import Measured, measured, peak_memory_mb, print_table
from waivern.analysers.indicators.analyser import IndicatorAnalyser
from waivern.analysers.indicators.factory import PersonalDataAnalyserFactory
from waivern.analysers.indicators.input_texts import BATCH_CHARACTERS
from waivern.gc_tuning import collect_seldom
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.rulesets.detection.detector import Detector, detector_for
from waivern.rulesets.loading.ruleset_loader import load_ruleset

INDICATOR = Schema("personal_data_indicator", "1.0.0")
RULESET = "local/personal_data_indicator/1.0.0"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--megabytes", type=float, default=20.0)
    megabytes = arguments.parse_args().megabytes
    collect_seldom()  # as every process of Waivern's does
    corpus = messages(megabytes)
    with_corpus_mb = peak_memory_mb()
    analyser = PersonalDataAnalyserFactory().create({"pattern_matching": {"ruleset": RULESET}})
    detector = detector_for(load_ruleset(RULESET).for_scans())
    buffers = _buffers(corpus)
    read_mb = sum(map(len, buffers)) / 1e6
    engine = measured(lambda: _scan(detector, buffers), times=3)
    whole = measured(lambda: analyser.process(corpus, INDICATOR), times=3)
    print_table(
        f"personal_data over {read_mb:.1f} MB of code, prose and rows",
        ("what", "MB / CPU s", "MB / s", "CPU s", "times the floor"),
        [_row("the engine alone (floor)", engine, read_mb, engine), _row("end to end", whole, read_mb, engine)],
    )
    print_table("memory", ("what", "MB"), _memory(analyser, corpus, with_corpus_mb))


def _row(what: str, work: Measured, read_mb: float, floor: Measured) -> Sequence[Any]:
    return what, read_mb / work.cpu_s, read_mb / work.wall_s, work.cpu_s, work.cpu_s / floor.cpu_s


def _scan(detector: Detector, buffers: Sequence[bytes]) -> None:
    for buffer in buffers:
        detector.scan(buffer)


def _buffers(corpus: Sequence[Message]) -> list[bytes]:
    joined = "\0".join(entry["content"] for message in corpus for entry in message.content["data"]).encode()
    return [joined[start : start + BATCH_CHARACTERS] for start in range(0, len(joined), BATCH_CHARACTERS)]


def _memory(analyser: IndicatorAnalyser, corpus: Sequence[Message], with_corpus_mb: float) -> list[Sequence[Any]]:
    summary = analyser.process(corpus, INDICATOR).content["summary"]
    return [
        ("peak with the corpus in memory, before scanning", with_corpus_mb),
        ("peak at the end", peak_memory_mb()),
        ("findings", summary["total_findings"]),
        ("matches", summary["total_matches"]),
    ]


if __name__ == "__main__":
    main()
