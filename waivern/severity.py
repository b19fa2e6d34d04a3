"""The severities of findings, from least to most severe."""

from typing import Literal, get_args

Severity = Literal["low", "medium", "high", "critical"]

SEVERITIES: tuple[str, ...] = get_args(Severity)

DEFAULT_SEVERITY: Severity = "medium"


def severity_rank(severity: str) -> int:
    """Return 0 for `low` to 3 for `critical`; an unknown severity counts as `medium`, like a missing one."""
    return SEVERITIES.index(severity if severity in SEVERITIES else DEFAULT_SEVERITY)
