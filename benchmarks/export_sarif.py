"""Export of many findings from the real store: time, memory, size.

`python -m benchmarks.export_sarif [--findings 100000]` stores two runs. The second lacks a hundred findings and has
a hundred new ones. Each format exports the second run in its own process. The goal is 5 s and 300 MB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.databases import sqlite
from benchmarks.measuring import print_table
from tests.builders.callers import CALLER
from waivern import Message, Schema
from waivern.database.runs.run_store import SqlRunStore
from waivern.runs.run import RunStatus
from waivern.testing.builders import plan_of_dag

_CHANGED = 100
_RULESET = "local/personal_data_indicator/1.0.0"
_RULES = (
    ("email_address", "email"),
    ("phone_number", "phone"),
    ("payment_card", "payment_card"),
    ("iban", "bank_account"),
)


def finding(number: int) -> dict[str, Any]:
    """Return a finding as an analyser writes it: two masked samples, two lines, a reason."""
    rule, category = _RULES[number % len(_RULES)]
    return {
        "fingerprint": f"{number:032x}",
        "category": category,
        "rule": rule,
        "location": {
            "file_path": f"folder{number % 97}/file{number // 4}.txt",
            "lines": [number % 500 + 1, number % 500 + 9],
        },
        "evidence": [
            {"content": f"**** ***** a{'*' * (number % 7 + 3)}@*******.***", "line": number % 500 + 1},
            {"content": f"** *** b{'*' * (number % 5 + 3)}@*******.***", "line": number % 500 + 9},
        ],
        "matched_patterns": [{"pattern": "value: address", "match_count": number % 9 + 1}],
        "confidence": 0.95,
        "reasons": ["the value matches the pattern 'address', validated by email_address"],
        "severity": "medium",
        "metadata": {"source": "./files"},
    }


def store_run(runs: SqlRunStore, numbers: range) -> None:
    run = runs.create(plan_of_dag({"found": []}), trigger="benchmark", caller=CALLER)
    analysis = {"ruleset": _RULESET, "rules_version": "1", "scanned": 1, "not_scanned": []}
    content = {"findings": [finding(number) for number in numbers], "summary": {}, "analysis_metadata": analysis}
    run.store.save("found", Message("", content, Schema("personal_data_indicator", "1.0.0")))
    run.log.close(RunStatus.SUCCEEDED)


_EXPORT = """
import re, sys, time
from waivern.cli.shell.exit_codes import exit_code_of
from waivern.cli.shell.main import waivern
form, output, database = sys.argv[1:]
code = exit_code_of(waivern, ["export", "latest", "--format", form, "--output", output, "--db", database])
memory = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
print(code, time.process_time(), int(memory[1]) / 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=100_000)
    number = parser.parse_args().findings
    rows = []
    with sqlite("NORMAL") as engine, tempfile.TemporaryDirectory() as folder:
        runs = SqlRunStore(engine)
        store_run(runs, range(number))
        store_run(runs, range(_CHANGED, number + _CHANGED))
        for form in ("sarif", "json", "csv", "html", "ocsf"):
            output = Path(folder) / form
            started = time.perf_counter()
            command = [
                sys.executable,
                "-c",
                _EXPORT,
                form,
                str(output),
                engine.url.render_as_string(hide_password=False),
            ]
            process = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
            wall = time.perf_counter() - started
            code, cpu, memory = process.stdout.split()
            assert code == "0", process.stderr
            rows.append((form, wall, float(cpu), float(memory), output.stat().st_size / 1e6))
            if form == "sarif":
                assert len(json.loads(output.read_bytes())["runs"][0]["results"]) == number + _CHANGED
    print_table(
        f"Export of a run with {number:,} findings, compared with a run of the same size, including process start",
        ("format", "wall s", "CPU s", "peak MB", "file MB"),
        rows,
    )


if __name__ == "__main__":
    main()
