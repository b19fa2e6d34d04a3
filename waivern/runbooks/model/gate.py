"""Gates: conditions on a run's findings or coverage that make `waivern run` exit with 1."""

import re
from dataclasses import dataclass
from enum import StrEnum

from waivern.errors import UsageError, did_you_mean
from waivern.severity import SEVERITIES

SPECIAL_CATEGORY = "special_category"
GATE_PATTERN = (
    r"^(incomplete|sampled|(new|changed|any)(:(low|medium|high|critical|special_category|category=[\w.-]+))?)$"
)
"""The texts that `parse_gate` accepts, as a regular expression for a JSON Schema."""

_CATEGORY_FILTER = re.compile(r"category=([\w.-]+)")


class GateScope(StrEnum):
    """What a gate checks: new, changed or all findings, or what was not scanned or only partially scanned."""

    NEW = "new"
    CHANGED = "changed"
    ANY = "any"
    INCOMPLETE = "incomplete"
    SAMPLED = "sampled"

    @property
    def concerns_findings(self) -> bool:
        return self in (GateScope.NEW, GateScope.CHANGED, GateScope.ANY)


@dataclass(frozen=True)
class Gate:
    """One parsed gate.

    Args:
        text: The gate as written.
        scope: What it checks.
        severity: Check only findings of this severity or higher.
        special_category: Check only findings that a classifier marked as a special category (Art. 9 GDPR).
        category: Check only findings of this category.
    """

    text: str
    scope: GateScope
    severity: str | None = None
    special_category: bool = False
    category: str | None = None


def parse_gate(text: str) -> Gate:
    """Parse a gate: `SCOPE` or `SCOPE:FILTER`.

    Examples: `incomplete`, `new:high`, `any:special_category`, `changed:category=email`.

    Raises:
        UsageError: the text is not a valid gate; the remedy suggests the nearest valid word.
    """
    scope_text, _, filter_text = text.strip().partition(":")
    try:
        scope = GateScope(scope_text)
    except ValueError:
        raise _invalid_gate(text, scope_text, [scope.value for scope in GateScope]) from None
    if ":" not in text:
        return Gate(text.strip(), scope)
    if not scope.concerns_findings:
        raise UsageError(
            f"'{text}' is not a valid gate", remedy=f"'{scope_text}' takes no filter, as it does not check findings"
        )
    category = _CATEGORY_FILTER.fullmatch(filter_text)
    if category is not None:
        return Gate(text.strip(), scope, category=category[1])
    if filter_text == SPECIAL_CATEGORY:
        return Gate(text.strip(), scope, special_category=True)
    if filter_text in SEVERITIES:
        return Gate(text.strip(), scope, severity=filter_text)
    raise _invalid_gate(text, filter_text, [*SEVERITIES, SPECIAL_CATEGORY, "category=NAME"])


def _invalid_gate(text: str, unknown: str, known: list[str]) -> UsageError:
    remedy = did_you_mean(unknown, known) or f"Known: {', '.join(known)}"
    return UsageError(f"'{text}' is not a valid gate: '{unknown}' is not known", remedy=remedy)
