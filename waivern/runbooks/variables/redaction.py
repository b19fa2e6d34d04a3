"""Keeping what `${NAME}` stood for out of errors, logs, messages and exports: its name is written instead."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from waivern.messages.canonical import CanonicalForm, canonical_bytes
from waivern.messages.message import Message
from waivern.messages.packed import PackedItems, PackedMessage
from waivern.runbooks.variables.substitution import DUE_AT

_SHORTEST_IN_TEXT = 4
_SHORTEST_IN_MESSAGE = 8  # a shorter word would be taken out of the data that is scanned, where it is no secret
_SHORTEST_SECRET_PART = 4
_NAMED_SECRET = re.compile(
    r"[\w.-]*(?:password|passwd|passphrase|pwd|token|key|secret)[\w.-]*\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^&;\s#'\"]+))",
    re.IGNORECASE,
)
# An "@" in a password should be percent-encoded and often is not: both the first and the last may end it.
_LOGINS_IN_URL = [re.compile(rf"://(?P<user>[^:/?#\s]*):(?P<password>{upto})@") for upto in (r"[^@\s]+", r"\S+")]
_UNESCAPED_IN_URLS = ("", "/", " +")  # of a path, a query, and what SQLAlchemy shows


class Redactor:
    """Writes `${NAME}` wherever a resolved value stands.

    Args:
        values: What each variable stood for. A value's secret parts are looked for too: the password in a URL, and
            what follows `password=`, `token=` and the like, as written and percent-decoded.

    Each is found as it is, quoted as by `repr`, percent-encoded, escaped in JSON and in base64, and the login of a URL
    as HTTP's basic authentication sends it (RFC 7617); decision 8 says what is not.
    In texts values of four characters and more are replaced; in messages those of eight and more, secret parts of four
    and more, and any value that is the whole of a `source`, for findings are known by it. Only strings of a message are
    changed: a number that reads as a value stays, or the message would no longer have the shape of its schema.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        in_texts: dict[str, str] = {}
        in_messages: dict[str, str] = {}
        for name, value in sorted(values.items()):
            parts = _forms_of_parts(value)
            in_texts.update(dict.fromkeys(_forms_of_whole(value, _SHORTEST_IN_TEXT) | parts, f"${{{name}}}"))
            in_messages.update(dict.fromkeys(_forms_of_whole(value, _SHORTEST_IN_MESSAGE) | parts, f"${{{name}}}"))
        self._replace_in_text = _replacing(in_texts)
        self._replace_in_message = _replacing(in_messages)
        self._names = {value: f"${{{name}}}" for name, value in sorted(values.items()) if value and _is_unicode(value)}
        sources = {canonical_bytes({"source": value})[1:-1] for value in self._names}
        self._needles = _without_longer({_as_in_json(form) for form in in_messages if _is_unicode(form)} | sources)

    @classmethod
    def for_variables(cls, variables: Iterable[str], environment: Mapping[str, str]) -> "Redactor":
        """Return the redactor of a plan's `variables`; the due instant and defaults in the runbook are no secrets."""
        return cls({name: environment[name] for name in variables if name in environment and name != DUE_AT})

    def text(self, text: str) -> str:
        """Return `text` with names for values."""
        return self._replace_in_text(text)

    def message(self, message: Message) -> Message:
        """Return the message with names for values in content, context and id; the same one where none is found.

        Raises:
            MessageError: the content is not JSON.
        """
        if not self._needles or not self._is_said_in(message):
            return message
        name, context = self._replace_in_message(message.id), self._in_strings(message.context)
        if isinstance(message, PackedMessage):
            items = PackedItems(map(self._in_strings, message.items))
            return PackedMessage(name, self._in_strings(message.around), message.key, items, message.schema, context)
        return Message(name, self._in_strings(message.content), message.schema, context)

    def _is_said_in(self, message: Message) -> bool:
        parts = chain(message.canonical_form(), CanonicalForm({"": [message.id, message.context]}))
        return any(needle in part for part in parts for needle in self._needles)

    def _in_strings(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._replace_in_message(value)
        if isinstance(value, Mapping):
            return {self._in_strings(key): self._under(key, each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._in_strings(each) for each in value]
        return value

    def _under(self, key: str, value: Any) -> Any:
        """What a source is called does not depend on how long the value of its variable happens to be."""
        if key == "source" and isinstance(value, str) and value in self._names:
            return self._names[value]
        return self._in_strings(value)


def _replacing(names: Mapping[str, str]) -> Callable[[str], str]:
    """The function that replaces the keys of `names` in a text in one pass, the longest first."""
    if not names:
        return lambda text: text
    longest_first = sorted(names, key=lambda needle: (-len(needle), needle))
    pattern = re.compile("|".join(re.escape(needle) for needle in longest_first))
    return lambda text: pattern.sub(lambda match: names[match[0]], text)


def _without_longer(needles: set[bytes]) -> list[bytes]:
    """The needles that hold no other: where one of the rest stands, one of these does."""
    shortest: list[bytes] = []
    for needle in sorted(needles, key=lambda each: (len(each), each)):
        if not any(each in needle for each in shortest):
            shortest.append(needle)
    return shortest


def _forms_of_whole(value: str, shortest: int) -> set[str]:
    wholes = {each for each in (value, value.strip()) if len(each) >= shortest}
    return {form for whole in wholes for form in _forms(whole)}


def _forms_of_parts(value: str) -> set[str]:
    forms: set[str] = set()
    for secret in _named_secrets(value):
        if len(secret) >= _SHORTEST_SECRET_PART:
            forms |= _forms(secret)
    for user, password in _logins(value):
        if len(password) >= _SHORTEST_SECRET_PART:
            forms |= _forms(password) | _in_base64(f"{user}:{password}")
    return forms


def _named_secrets(value: str) -> Iterator[str]:
    for match in _NAMED_SECRET.finditer(value):
        secret = match[match.lastindex or 0]
        yield from (secret, unquote(secret), unquote_plus(secret))


def _logins(value: str) -> Iterator[tuple[str, str]]:
    """User and password of every URL in `value`, as written and decoded."""
    for pattern in _LOGINS_IN_URL:
        for match in pattern.finditer(value):
            user, password = match["user"], match["password"]
            yield from ((user, password), (unquote(user), unquote(password)))
            yield unquote_plus(user), unquote_plus(password)


def _forms(secret: str) -> set[str]:
    """The secret itself, and what becomes of it in an error's text, in JSON, in a URL and in a header."""
    forms = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]}
    if _is_unicode(secret):
        forms |= {quote(secret, safe=unescaped) for unescaped in _UNESCAPED_IN_URLS}
        forms |= {quote_plus(secret), _as_in_json(secret).decode()}
    return forms | _in_base64(secret)


def _in_base64(secret: str) -> set[str]:
    return {b64encode(secret.encode()).decode()} if _is_unicode(secret) else set()


def _is_unicode(text: str) -> bool:
    """Whether it can be said in UTF-8; what the environment holds in another encoding cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _as_in_json(text: str) -> bytes:
    return canonical_bytes({"": text})[5:-2]
