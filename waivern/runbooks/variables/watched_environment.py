"""An environment that redacts every value that was read from it."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping


class WatchedEnvironment(Mapping[str, str]):
    """The environment, recording which variables are looked up so that `redact` can replace their values.

    Planner and executor look up only the variables of runbooks. So every value that was ever resolved is kept out of
    logs and errors until the process ends, even before the plan is complete.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._looked_up: dict[str, str] = {}
        self._lock = threading.Lock()
        self._redact: Callable[[str], str] = _without_logins

    def __getitem__(self, name: str) -> str:
        value = self._environment[name]
        if self._looked_up.get(name) != value:
            self._record(name, value)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)

    def __contains__(self, name: object) -> bool:
        return name in self._environment

    def redact(self, text: str) -> str:
        """Return `text` with `${NAME}` instead of each value that was looked up, and without logins in addresses."""
        return self._redact(text)

    def _record(self, name: str, value: str) -> None:
        from waivern.runbooks.variables.redaction import Redactor  # slow to import, and rarely needed at start

        with self._lock:
            self._looked_up[name] = value
            self._redact = Redactor(dict(self._looked_up)).text


def _without_logins(text: str) -> str:
    from waivern.addresses import without_logins  # slow to import, and rarely needed at start

    return without_logins(text)
