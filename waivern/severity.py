"""The severities of findings, from least to most severe."""

from typing import Literal, get_args

Severity = Literal["low", "medium", "high", "critical"]

SEVERITIES: tuple[str, ...] = get_args(Severity)


def severity_rank(severity: str) -> int:
    """Return 0 for the least severe and for an unknown severity, 3 for `critical`."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0
