"""What is wrong with a service, by the check that found it."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from waivern.errors import WaivernError

logger = logging.getLogger(__name__)

Check = tuple[str, str]
"""The kind of a check, and what it is about: `("task", "heartbeat")`."""


@dataclass(frozen=True)
class HealthProblem:
    """A problem; a serious one means that the service does not work, any other that a part of it does not."""

    text: str
    is_serious: bool = True


class Health:
    """The problems of a service; safe to be used from any thread.

    Each check reports and clears its own problem: the success of one never clears the failure of another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._problems: dict[Check, HealthProblem] = {}

    def report(self, kind: str, subject: str, text: str, *, is_serious: bool = True) -> bool:
        """Record a problem; return whether it is new or has changed, so that each is logged once."""
        problem = HealthProblem(text, is_serious)
        with self._lock:
            is_new = self._problems.get((kind, subject)) != problem
            self._problems[kind, subject] = problem
        return is_new

    def report_error(
        self,
        kind: str,
        subject: str,
        happened: str,
        error: BaseException,
        *,
        is_serious: bool = True,
        fields: Mapping[str, object] | None = None,
    ) -> None:
        """Record an error, and log it with its traceback: once, and again when it changes."""
        text = str(error).partition("\n")[0]
        reason = text if isinstance(error, WaivernError) else f"{type(error).__name__}: {text}"
        problem = f"{happened}: {reason}"
        if self.report(kind, subject, problem, is_serious=is_serious):
            logger.error(problem, exc_info=error, extra=fields)

    def clear(self, kind: str, subject: str) -> bool:
        """Record that a check has found nothing wrong; return whether there was a problem."""
        with self._lock:
            return self._problems.pop((kind, subject), None) is not None

    def replace(self, kind: str, problems: Mapping[str, str], *, is_serious: bool = True) -> Sequence[str]:
        """Replace all problems of a kind, by subject; return the subjects whose problem is new or has changed."""
        with self._lock:
            gone = [check for check in self._problems if check[0] == kind and check[1] not in problems]
            for check in gone:
                del self._problems[check]
        return [
            subject for subject, text in problems.items() if self.report(kind, subject, text, is_serious=is_serious)
        ]

    def problems(self) -> Sequence[HealthProblem]:
        """Return what is wrong, the oldest first."""
        with self._lock:
            return list(self._problems.values())
