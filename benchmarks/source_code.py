"""Measure the throughput of the source code analyser: `python -m benchmarks.source_code [FOLDER]`.

FOLDER contains source files; the default is the packages of this Python. The baseline is detecting languages only.
"""

import argparse
import sysconfig
from itertools import islice
from pathlib import Path

from benchmarks.measuring import measured, peak_memory_mb, print_table
from waivern.analysers.source_code.factory import SourceCodeAnalyserFactory
from waivern.analysers.source_code.languages import detect_language
from waivern.messages.message import Message
from waivern.messages.schema import Schema

SOURCE_CODE = Schema("source_code", "1.0.0")
MAX_MB = 20.0


def corpus(folder: Path) -> Message:
    """Return a message of the first files of a folder by name, up to `MAX_MB`."""
    data, size_mb = [], 0.0
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and detect_language(path.name, ""))
    for path in islice(files, 100_000):
        text = path.read_text(encoding="utf-8", errors="replace")
        size_mb += len(text) / 1e6
        if size_mb > MAX_MB:
            break
        metadata = {"source": "code", "connector_type": "filesystem", "file_path": str(path.relative_to(folder))}
        data.append({"content": text, "metadata": metadata})
    content = {"schemaVersion": "1.0.0", "name": "Code", "source": "code", "data": data}
    return Message("code", content, Schema("standard_input", "1.0.0"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(sysconfig.get_path("purelib")))
    message = corpus(parser.parse_args().folder)
    items = message.content["data"]
    size_mb = sum(len(item["content"]) for item in items) / 1e6

    def detect_languages() -> None:
        for item in items:
            detect_language(item["metadata"]["file_path"], item["content"])

    baseline = measured(detect_languages, times=3)
    rows = []
    for label, properties in (("without structure", {"include_structure": False}), ("with structure", {})):
        analyser = SourceCodeAnalyserFactory().create(properties)
        work = measured(lambda: analyser.process([message], SOURCE_CODE), times=3)
        rows.append((label, size_mb / work.cpu_s, work.cpu_s, work.cpu_s / baseline.cpu_s, peak_memory_mb()))
    title = f"{len(items):,} source files, {size_mb:.1f} MB"
    print_table(title, ("measurement", "MB / CPU s", "CPU s", "x detecting languages", "peak MB so far"), rows)


if __name__ == "__main__":
    main()
