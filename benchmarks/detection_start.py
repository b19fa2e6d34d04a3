"""Measure the start-up cost of detection: `python -m benchmarks.detection_start`.

Each ruleset is loaded and compiled in a separate process. The baseline is Python without imports.
"""

import subprocess
import sys

from benchmarks.measuring import print_table

RULESETS = (
    "personal_data_indicator",
    "data_subject_indicator",
    "processing_purposes",
    "service_integrations",
    "data_collection",
    "secret_indicator",
    "crypto_quality_indicator",
)
MEASURE = """
import resource, sys, time
def lap():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
start = lap()
from waivern.rulesets.detection.detector import detector_for
from waivern.rulesets.loading.ruleset_loader import load_ruleset
imported = lap()
ruleset = load_ruleset(sys.argv[1])
loaded = lap()
detector_for(ruleset).detect_all(["nothing"])
compiled = lap()
print(start[0], imported[0] - start[0], loaded[0] - imported[0], compiled[0] - loaded[0], start[1], compiled[1])
"""
REPETITIONS = 3


def main() -> None:
    rows = []
    for name in RULESETS:
        measurements = sorted(_measure(f"local/{name}/1.0.0") for _ in range(REPETITIONS))
        rows.append((name, *measurements[REPETITIONS // 2]))
    header = ("ruleset", "Python alone, CPU s", "import", "load", "compile", "Python alone, MB", "compiled, MB")
    print_table(f"rulesets compiled (medians of {REPETITIONS})", header, rows)


def _measure(uri: str) -> tuple[float, ...]:
    command = [sys.executable, "-c", MEASURE, uri]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return tuple(map(float, output.split()))


if __name__ == "__main__":
    main()
