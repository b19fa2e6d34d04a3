"""A gate: what a run may not find, or may not leave out, without tripping it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from waivern.errors import UsageError, did_you_mean

SEVERITIES = ("low", "medium", "high", "critical")
SPECIAL_CATEGORY = "special_category"
GATE_PATTERN = (
    r"^(incomplete|sampled|(new|changed|any)(:(low|medium|high|critical|special_category|category=[\w.-]+))?)$"
)
"""What `parse_gate` takes, as a regular expression for a JSON Schema."""

_OF_CATEGORY = re.compile(r"category=([\w.-]+)")


class Scope(StrEnum):
    """What a gate looks at: findings that came, or are other than before, or all; or what was not scanned."""

    NEW = "new"
    CHANGED = "changed"
    ANY = "any"
    INCOMPLETE = "incomplete"
    SAMPLED = "sampled"

    @property
    def is_of_findings(self) -> bool:
        return self in (Scope.NEW, Scope.CHANGED, Scope.ANY)


@dataclass(frozen=True)
class Gate:
    """What trips it.

    Args:
        text: As it is written.
        scope: What it looks at.
        severity: Only findings that are as severe as that, or more.
        special_category: Only findings of a special category (Art. 9 GDPR), as a classifier says.
        category: Only findings of this category.
    """

    text: str
    scope: Scope
    severity: str | None = None
    special_category: bool = False
    category: str | None = None


def parse_gate(text: str) -> Gate:
    """Read `SCOPE` or `SCOPE:WHICH`: `new:high`, `any:special_category`, `changed:category=email`, `incomplete`.

    Raises:
        UsageError: it is no gate; names the nearest word.
    """
    word, _, which = text.strip().partition(":")
    try:
        scope = Scope(word)
    except ValueError:
        raise _unknown(text, word, [each.value for each in Scope]) from None
    if ":" not in text:
        return Gate(text.strip(), scope)
    if not scope.is_of_findings:
        raise UsageError(f"'{text}' is no gate", remedy=f"'{word}' stands alone: it is about no findings")
    category = _OF_CATEGORY.fullmatch(which)
    if category is not None:
        return Gate(text.strip(), scope, category=category[1])
    if which == SPECIAL_CATEGORY:
        return Gate(text.strip(), scope, special_category=True)
    if which in SEVERITIES:
        return Gate(text.strip(), scope, severity=which)
    raise _unknown(text, which, [*SEVERITIES, SPECIAL_CATEGORY, "category=NAME"])


def _unknown(text: str, word: str, known: list[str]) -> UsageError:
    remedy = did_you_mean(word, known) or f"There are: {', '.join(known)}"
    return UsageError(f"'{text}' is no gate: '{word}' is not known", remedy=remedy)
