"""Keeping what `${NAME}` stood for out of errors, logs, messages and exports: its name is written instead."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, unquote_plus

from waivern.messages.canonical import canonical_bytes
from waivern.messages.message import Message

_SHORTEST_IN_TEXT = 4
_SHORTEST_IN_MESSAGE = 8  # a shorter word would be taken out of the data that is scanned, where it is no secret
_SHORTEST_SECRET_PART = 4
_NAMED_SECRET = re.compile(
    r"[\w.-]*(?:password|passwd|passphrase|pwd|token|key|secret)[\w.-]*\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^&;\s#'\"]+))",
    re.IGNORECASE,
)
# An "@" in a password should be percent-encoded and often is not: both the first and the last may end it.
_PASSWORDS_IN_URL = [re.compile(rf"://[^:/?#@\s]*:(?P<password>{upto})@") for upto in (r"[^@\s]+", r"\S+")]


class Redactor:
    """Writes `${NAME}` wherever a resolved value stands.

    Args:
        values: What each variable stood for. A value's secret parts are looked for too: the password in a URL, and
            what follows `password=`, `token=` and the like, as written and percent-decoded.

    In texts values of four characters and more are replaced, in messages those of eight and more and secret parts of
    four and more. Only strings of a message are changed: a number that reads as a value stays, or the message
    would no longer have the shape of its schema.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        in_texts: dict[str, str] = {}
        in_messages: dict[str, str] = {}
        for name, value in sorted(values.items()):
            parts = {part for part in _secret_parts(value) if len(part) >= _SHORTEST_SECRET_PART}
            for needle in {value, value.strip()} | parts:
                if needle in parts or len(needle) >= _SHORTEST_IN_TEXT:
                    in_texts.update(dict.fromkeys(_as_errors_quote_it(needle), f"${{{name}}}"))
                if needle in parts or len(needle) >= _SHORTEST_IN_MESSAGE:
                    in_messages[needle] = f"${{{name}}}"
        self._replace_in_text = _replacing(in_texts)
        self._replace_in_message = _replacing(in_messages)
        self._needles = sorted({_as_in_json(needle) for needle in in_messages})

    @classmethod
    def for_variables(cls, variables: Iterable[str], environment: Mapping[str, str]) -> "Redactor":
        """Return the redactor of a plan's `variables`; a default written in the runbook is no secret."""
        return cls({name: environment[name] for name in variables if name in environment})

    def text(self, text: str) -> str:
        """Return `text` with names for values."""
        return self._replace_in_text(text)

    def message(self, message: Message) -> Message:
        """Return the message with names for values in content, context and id; the same one where none is found.

        Raises:
            MessageError: the content is not JSON.
        """
        if not self._needles or not (self._is_in(message.content) or self._is_in({"": [message.id, message.context]})):
            return message
        return replace(
            message,
            id=self._replace_in_message(message.id),
            content=self._in_strings(message.content),
            context=self._in_strings(message.context),
        )

    def _is_in(self, content: Mapping[str, Any]) -> bool:
        canonical = canonical_bytes(content)
        return any(needle in canonical for needle in self._needles)

    def _in_strings(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._replace_in_message(value)
        if isinstance(value, Mapping):
            return {self._in_strings(key): self._in_strings(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._in_strings(each) for each in value]
        return value


def _replacing(names: Mapping[str, str]) -> Callable[[str], str]:
    """The function that replaces the keys of `names` in a text in one pass, the longest first."""
    if not names:
        return lambda text: text
    longest_first = sorted(names, key=lambda needle: (-len(needle), needle))
    pattern = re.compile("|".join(re.escape(needle) for needle in longest_first))
    return lambda text: pattern.sub(lambda match: names[match[0]], text)


def _secret_parts(value: str) -> Iterator[str]:
    found = [match[match.lastindex or 0] for match in _NAMED_SECRET.finditer(value)]
    for pattern in _PASSWORDS_IN_URL:
        found.extend(match["password"] for match in pattern.finditer(value))
    for secret in found:
        yield from (secret, unquote(secret), unquote_plus(secret))


def _as_errors_quote_it(needle: str) -> set[str]:
    """The needle itself, and what becomes of its quotes and backslashes where an error's text shows its repr."""
    return {needle, repr(needle)[1:-1]}


def _as_in_json(needle: str) -> bytes:
    return canonical_bytes({"": needle})[5:-2]
