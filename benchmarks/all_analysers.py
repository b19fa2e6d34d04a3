"""Measure the throughput of each analyser, and of all of them in sequence.

`python -m benchmarks.all_analysers [--megabytes 10]` uses a mixed corpus of code, prose and rows: first with the rows
as SQL files, then cell by cell. `source_code_analyser` reads the files of the corpus. Analysers that accept only code
read its output, and their MB are those of these files.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from benchmarks.corpus import messages
from benchmarks.measuring import measured, peak_memory_mb, print_table
from waivern.analysers.indicators.analyser import IndicatorAnalyser
from waivern.analysers.indicators.factory import (
    CryptoQualityAnalyserFactory,
    DataCollectionAnalyserFactory,
    DataSubjectAnalyserFactory,
    PersonalDataAnalyserFactory,
    ProcessingPurposeAnalyserFactory,
    SecretsAnalyserFactory,
    ServiceIntegrationAnalyserFactory,
)
from waivern.analysers.indicators.input_texts import BATCH_CHARACTERS
from waivern.analysers.source_code.factory import SourceCodeAnalyserFactory
from waivern.components.analyser import Analyser
from waivern.gc_tuning import raise_gc_threshold
from waivern.messages.message import Message
from waivern.rulesets.detection.detector import detector_for
from waivern.rulesets.loading.ruleset_loader import load_ruleset

INDICATORS = (
    PersonalDataAnalyserFactory,
    DataSubjectAnalyserFactory,
    ProcessingPurposeAnalyserFactory,
    ServiceIntegrationAnalyserFactory,
    DataCollectionAnalyserFactory,
    SecretsAnalyserFactory,
    CryptoQualityAnalyserFactory,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=10.0)
    megabytes = parser.parse_args().megabytes
    raise_gc_threshold()  # like every process of Waivern
    for rows_as_cells in (False, True):
        _measure(messages(megabytes, rows_as_cells=rows_as_cells), "cells" if rows_as_cells else "SQL files")
    print(f"\npeak memory: {peak_memory_mb():.0f} MB")


def _measure(text: Sequence[Message], row_format: str) -> None:
    source_code = SourceCodeAnalyserFactory().create({})
    (code_schema,) = source_code.get_supported_output_schemas()
    code = [source_code.process(text, code_schema)]
    rows = [_row(source_code, text, key="content")]
    for factory in INDICATORS:
        analyser = factory().create({})
        accepts_text = any(schema.name == "standard_input" for schema in analyser.get_input_requirements()[0])
        inputs, key = (text, "content") if accepts_text else (code, "raw_content")
        rows.append(_row(analyser, inputs, key=key))
    total_mb, cpu_s, engine_s = _size_mb(text, "content"), sum(row[3] for row in rows), sum(row[5] for row in rows)
    rows.append(("all of them", total_mb, total_mb / cpu_s, cpu_s, total_mb / engine_s, engine_s))
    header = ("analyser", "MB", "MB / CPU s", "CPU s", "engine alone, MB / CPU s", "engine alone, CPU s")
    print_table(f"{total_mb:.1f} MB of code, prose and rows as {row_format} (medians of 3)", header, rows)


def _row(analyser: Analyser, inputs: Sequence[Message], *, key: str) -> tuple[str, float, float, float, float, float]:
    schema = analyser.get_supported_output_schemas()[0]
    size_mb = _size_mb(inputs, key)
    cpu_s = measured(lambda: analyser.process(inputs, schema), times=3).cpu_s
    engine_s = _engine_alone(analyser, inputs, key) if isinstance(analyser, IndicatorAnalyser) else 0.0
    return analyser.get_name(), size_mb, size_mb / cpu_s, cpu_s, size_mb / engine_s if engine_s else 0.0, engine_s


def _engine_alone(analyser: IndicatorAnalyser, inputs: Sequence[Message], key: str) -> float:
    detector = detector_for(load_ruleset(analyser.kind.ruleset))
    data = "\0".join(_texts(inputs, key)).encode()
    parts = [data[start : start + BATCH_CHARACTERS] for start in range(0, len(data), BATCH_CHARACTERS)]
    return measured(lambda: [detector.scan(part) for part in parts], times=3).cpu_s


def _size_mb(inputs: Sequence[Message], key: str) -> float:
    return sum(len(text.encode()) for text in _texts(inputs, key)) / 1e6


def _texts(inputs: Sequence[Message], key: str) -> list[Any]:
    return [entry[key] for message in inputs for entry in message.content["data"]]


if __name__ == "__main__":
    main()
