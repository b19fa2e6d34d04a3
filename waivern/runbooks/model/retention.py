"""How long an artifact's content is kept: the `retain:` of a runbook and of its artifacts."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from waivern.errors import did_you_mean
from waivern.runbooks.model.durations import parse_duration

MAX_RETENTION_S = 100 * 366 * 86_400
RETENTION_KEYWORDS = ("none", "until_success")


def parse_retention(value: Any) -> Any:
    """Return "none" and "until_success" unchanged, and a duration such as "30d" in seconds after the end of the run.

    Raises:
        ValueError: the string is neither.
    """
    if not isinstance(value, str) or value in RETENTION_KEYWORDS:
        return value
    try:
        return parse_duration(value)
    except ValueError:
        remedy = (
            did_you_mean(value, RETENTION_KEYWORDS) or "Write none, until_success, or a duration such as 30d or 12w"
        )
        raise ValueError(f"'{value}' is not a valid retention period. {remedy}") from None


def _validate_retention(value: Any) -> Any:
    value = parse_retention(value)
    if value in RETENTION_KEYWORDS:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be none, until_success, or a duration such as 30d")
    if not 0 <= value <= MAX_RETENTION_S:
        raise ValueError("the longest retention period is 100 years; leave `retain` out to keep the content forever")
    return float(value)


Retention = Annotated[
    Literal["none", "until_success"] | Annotated[float, Field(ge=0, le=MAX_RETENTION_S)],
    BeforeValidator(_validate_retention),
]
"""When content may be deleted. `none`: as soon as the run has ended. `until_success`: when this run or a later run of
the same runbook has succeeded. A number: that many seconds after the run has ended."""
