"""How fast each analyser is, and all of them one after another over the same text.

`python -m benchmarks.all_analysers [--megabytes 10]`: a mixed corpus of code, prose and rows, first with the rows as
SQL files, then cell by cell. `source_code_analyser` reads the files among it, and what it makes is what analysers of
code alone read; their MB are those of these files.
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
from waivern.analysers.source_code.factory import SourceCodeAnalyserFactory
from waivern.components.analyser import Analyser
from waivern.gc_tuning import collect_seldom
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
    collect_seldom()  # as every process of Waivern's does
    for rows_as_cells in (False, True):
        _measure(messages(megabytes, rows_as_cells=rows_as_cells), "cells" if rows_as_cells else "SQL files")
    print(f"\npeak memory: {peak_memory_mb():.0f} MB")


def _measure(text: Sequence[Message], rows_are: str) -> None:
    structure = SourceCodeAnalyserFactory().create({})
    (code_schema,) = structure.get_supported_output_schemas()
    code = [structure.process(text, code_schema)]
    rows = [_row(structure, text, of="content")]
    for factory in INDICATORS:
        analyser = factory().create({})
        reads_text = any(schema.name == "standard_input" for schema in analyser.get_input_requirements()[0])
        rows.append(_row(analyser, text if reads_text else code, of="content" if reads_text else "raw_content"))
    whole, cpu_s, floor_s = _size(text, "content"), sum(row[3] for row in rows), sum(row[5] for row in rows)
    rows.append(("all of them", whole, whole / cpu_s, cpu_s, whole / floor_s, floor_s))
    header = ("analyser", "MB", "MB / CPU s", "CPU s", "engine alone, MB / CPU s", "engine alone, CPU s")
    print_table(f"{whole:.1f} MB of code, prose and rows as {rows_are} (medians of 3)", header, rows)


def _row(analyser: Analyser, inputs: Sequence[Message], *, of: str) -> tuple[str, float, float, float, float, float]:
    schema = analyser.get_supported_output_schemas()[0]
    size = _size(inputs, of)
    took = measured(lambda: analyser.process(inputs, schema), times=3).cpu_s
    floor = _engine_alone(analyser, inputs, of) if isinstance(analyser, IndicatorAnalyser) else 0.0
    return analyser.get_name(), size, size / took, took, size / floor if floor else 0.0, floor


def _engine_alone(analyser: IndicatorAnalyser, inputs: Sequence[Message], of: str) -> float:
    detector = detector_for(load_ruleset(analyser.kind.ruleset))
    data = "\0".join(_texts(inputs, of)).encode()
    parts = [data[start : start + 1_000_000] for start in range(0, len(data), 1_000_000)]
    return measured(lambda: [detector.scan(part) for part in parts], times=3).cpu_s


def _size(inputs: Sequence[Message], of: str) -> float:
    return sum(len(text.encode()) for text in _texts(inputs, of)) / 1e6


def _texts(inputs: Sequence[Message], of: str) -> list[Any]:
    return [entry[of] for message in inputs for entry in message.content["data"]]


if __name__ == "__main__":
    main()
