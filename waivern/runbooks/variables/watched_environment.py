"""What `${NAME}` stands for, and the promise that none of it is printed."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping


class WatchedEnvironment(Mapping[str, str]):
    """The environment, which notes what is looked up in it: `redact` then writes the name wherever the value stands.

    Planner and executor look up the variables of a runbook and nothing else, so whatever of it was ever resolved is
    kept out of logs and errors, from before the plan is known until the process ends.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._looked_up: dict[str, str] = {}
        self._noting = threading.Lock()
        self._redact: Callable[[str], str] = lambda text: text

    def __getitem__(self, name: str) -> str:
        value = self._environment[name]
        if self._looked_up.get(name) != value:
            self._note(name, value)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)

    def __contains__(self, name: object) -> bool:
        return name in self._environment

    def redact(self, text: str) -> str:
        """Return `text` with `${NAME}` wherever a value stands that was looked up."""
        return self._redact(text)

    def _note(self, name: str, value: str) -> None:
        from waivern.runbooks.variables.redaction import Redactor

        with self._noting:
            self._looked_up[name] = value
            self._redact = Redactor(dict(self._looked_up)).text
