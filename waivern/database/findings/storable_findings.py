"""Refuse findings that a table cannot hold, before a transaction begins.

A third party's schema may allow any number and any text.
"""

from collections.abc import Iterable

from waivern.errors import MessageError
from waivern.history.finding import Finding

_MAX_MATCHES = 2**31 - 1  # the range of an INTEGER in Postgres
_MAX_CONFIDENCE = 1e300
_MAX_LENGTHS = {"fingerprint": 500, "rule": 500, "category": 500, "severity": 10}  # the first three are indexed


def refuse_unstorable(findings: Iterable[Finding]) -> None:
    """Check that findings can be stored as rows.

    Raises:
        MessageError: names the first finding that cannot, and its value.
    """
    for finding in findings:
        problem = _problem(finding)
        if problem is not None:
            raise MessageError(f"The finding '{finding.fingerprint[:80]}' cannot be stored: {problem}")


def _problem(finding: Finding) -> str | None:
    if not 0 <= finding.match_count <= _MAX_MATCHES:
        return f"its number of matches is not between 0 and {_MAX_MATCHES:,}"
    if not -_MAX_CONFIDENCE <= finding.confidence <= _MAX_CONFIDENCE:
        return "its confidence is not between 0 and 1"
    for name, length in _MAX_LENGTHS.items():
        if len(getattr(finding, name)) > length:
            return f"its {name} is longer than {length} characters"
    return None
