"""The severities of findings, from least to most severe."""

from typing import Literal, get_args

Severity = Literal["low", "medium", "high", "critical"]

SEVERITIES: tuple[str, ...] = get_args(Severity)
