"""How long a message's content is kept: `retain:` of a runbook and of its artifacts."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from waivern.errors import did_you_mean
from waivern.runbooks.model.durations import seconds_in

LONGEST_RETENTION_S = 100 * 366 * 86_400
WORDS = ("none", "until_success")


def retention_in(value: Any) -> Any:
    """Read "none" and "until_success" as they are, and a duration such as "30d" as seconds after the run's end."""
    if not isinstance(value, str) or value in WORDS:
        return value
    try:
        return seconds_in(value)
    except ValueError:
        remedy = did_you_mean(value, WORDS) or "Write none, until_success, or a duration such as 30d or 12w"
        raise ValueError(f"'{value}' is no retention. {remedy}") from None


def _refuse_what_is_neither(value: Any) -> Any:
    value = retention_in(value)
    if value in WORDS:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be none, until_success, or a duration such as 30d")
    if not 0 <= value <= LONGEST_RETENTION_S:
        raise ValueError("a message can be kept for a century at the most; without `retain` it is kept for good")
    return float(value)


Retention = Annotated[
    Literal["none", "until_success"] | Annotated[float, Field(ge=0, le=LONGEST_RETENTION_S)],
    BeforeValidator(_refuse_what_is_neither),
]
"""`none`: until the run has ended; `until_success`: until it, or a later run of its runbook, has succeeded; a number:
so many seconds after its end."""
