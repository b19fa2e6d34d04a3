"""What detection costs before it has read anything: `python -m benchmarks.detection_start`.

Each ruleset is read and compiled in a process of its own. The floor is a Python that imports nothing.
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
read = lap()
detector_for(ruleset).detect_all(["nothing"])
ready = lap()
print(start[0], imported[0] - start[0], read[0] - imported[0], ready[0] - read[0], start[1], ready[1])
"""
TIMES = 3


def main() -> None:
    rows = []
    for name in RULESETS:
        each = sorted(_measured(f"local/{name}/1.0.0") for _ in range(TIMES))
        rows.append((name, *each[TIMES // 2]))
    header = ("ruleset", "Python alone, CPU s", "import", "read", "compile", "Python alone, MB", "ready, MB")
    print_table(f"rulesets made ready (medians of {TIMES})", header, rows)


def _measured(uri: str) -> tuple[float, ...]:
    command = [sys.executable, "-c", MEASURE, uri]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return tuple(map(float, told.split()))


if __name__ == "__main__":
    main()
