"""Redaction: `${NAME}` instead of the variable's value in errors, logs, messages and exports."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any
from urllib.parse import quote, quote_plus

from waivern.addresses import MIN_SECRET_LENGTH, logins_in, secrets_in, without_logins
from waivern.messages.canonical import canonical_bytes
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.runbooks.variables.substitution import DUE_AT

_SHORTEST_IN_TEXT = 4
_SHORTEST_IN_MESSAGE = 8  # a shorter value may be an ordinary word of the scanned data
_UNESCAPED_IN_URLS = ("", "/", " +")  # in a path, in a query, and in URLs that SQLAlchemy shows


class Redactor:
    """Replaces the values of variables by `${NAME}`.

    It also replaces the secret parts of a value (`secrets_in`): the password in a URL, a token before its `@`, and what
    follows `password=`, `token=` and similar names, as written and percent-decoded. All are found in plain form, quoted
    by `repr`, percent-encoded, escaped in JSON and in base64. The login of a URL is also found as HTTP basic
    authentication sends it (RFC 7617). Decision 8 lists what is not found.

    In texts, values of 4 or more characters are replaced. In messages, values of 8 or more characters and secret parts
    of 4 or more. A value that is a whole `source` is replaced at any length, because a fingerprint depends on it. Only
    strings of a message change: replacing a number would violate the message's schema.

    Args:
        values: The value of each variable.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        in_texts: dict[str, str] = {}
        in_messages: dict[str, str] = {}
        for name, value in sorted(values.items()):
            parts = _forms_of_parts(value)
            in_texts.update(dict.fromkeys(_forms_of_value(value, _SHORTEST_IN_TEXT) | parts, f"${{{name}}}"))
            in_messages.update(dict.fromkeys(_forms_of_value(value, _SHORTEST_IN_MESSAGE) | parts, f"${{{name}}}"))
        self._replace_in_text = _replacer(in_texts)
        self._replace_in_message = _replacer(in_messages)
        self._names_by_value = {
            value: f"${{{name}}}" for name, value in sorted(values.items()) if value and _is_utf8_encodable(value)
        }
        sources = {canonical_bytes({"source": value})[1:-1] for value in self._names_by_value}
        self._needles = _minimal_needles(
            {_as_in_json(form) for form in in_messages if _is_utf8_encodable(form)} | sources
        )

    @classmethod
    def for_variables(cls, variables: Iterable[str], environment: Mapping[str, str]) -> "Redactor":
        """Return a redactor for the `variables` of a plan. The scheduled time and defaults are not secret."""
        return cls({name: environment[name] for name in variables if name in environment and name != DUE_AT})

    def text(self, text: str) -> str:
        """Return `text` with values replaced by names, and without the logins of addresses."""
        return without_logins(self._replace_in_text(text))

    def message(self, message: Message) -> Message:
        """Return the message with values replaced by names in content, context and id.

        Returns the same object if it contains no value.

        Raises:
            MessageError: the content is not JSON.
        """
        if not self._needles or not self.occurs_in(
            chain(_json_of_content(message), [canonical_bytes([message.id, message.context])])
        ):
            return message
        name, context = self._replace_in_message(message.id), self._redact_strings(message.context)
        if isinstance(message, CompressedMessage):
            items = CompressedItems(map(self._redact_strings, message.items))
            return CompressedMessage(
                name, self._redact_strings(message.envelope), message.key, items, message.schema, context
            )
        return Message(name, self._redact_strings(message.content), message.schema, context)

    def occurs_in(self, canonical: Iterable[bytes]) -> bool:
        """Return whether a value of a variable that messages must not contain occurs in canonical JSON."""
        return any(needle in piece for piece in canonical for needle in self._needles)

    def _redact_strings(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._replace_in_message(value)
        if isinstance(value, Mapping):
            return {self._redact_strings(key): self._redact_item(key, item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._redact_strings(item) for item in value]
        return value

    def _redact_item(self, key: str, value: Any) -> Any:
        # A source is replaced at any length, so that its name does not depend on how long the value is.
        if key == "source" and isinstance(value, str) and value in self._names_by_value:
            return self._names_by_value[value]
        return self._redact_strings(value)


def _replacer(names: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that replaces the keys of `names` in a text in one pass, longest first."""
    if not names:
        return lambda text: text
    longest_first = sorted(names, key=lambda needle: (-len(needle), needle))
    pattern = re.compile("|".join(re.escape(needle) for needle in longest_first))
    return lambda text: pattern.sub(lambda match: names[match[0]], text)


def _minimal_needles(needles: set[bytes]) -> list[bytes]:
    """Return the needles that contain no other needle: if any needle occurs in a text, one of these does."""
    shortest: list[bytes] = []
    for needle in sorted(needles, key=lambda form: (len(form), form)):
        if not any(other in needle for other in shortest):
            shortest.append(needle)
    return shortest


def _forms_of_value(value: str, shortest: int) -> set[str]:
    texts = {text for text in (value, value.strip()) if len(text) >= shortest}
    return {form for text in texts for form in _forms(text)}


def _json_of_content(message: Message) -> Iterator[bytes]:
    """Yield the JSON of a message's content in pieces; a list that is not compressed is not compressed for this."""
    if isinstance(message, CompressedMessage):
        yield from message.canonical_form()
        return
    for value in message.content.values():
        yield from map(canonical_bytes, value) if isinstance(value, list | tuple) else [canonical_bytes(value)]
    yield canonical_bytes(list(message.content))


def _forms_of_parts(value: str) -> set[str]:
    forms: set[str] = set()
    for secret in secrets_in(value):
        forms |= _forms(secret)
    for user, password in logins_in(value):
        if len(password) >= MIN_SECRET_LENGTH:
            forms |= _in_base64(f"{user}:{password}")
    return forms


def _forms(secret: str) -> set[str]:
    """Return the secret as it appears in plain text, `repr`, JSON, URLs and HTTP headers."""
    forms = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]}
    if _is_utf8_encodable(secret):
        forms |= {quote(secret, safe=unescaped) for unescaped in _UNESCAPED_IN_URLS}
        forms |= {quote_plus(secret), _as_in_json(secret).decode()}
    return forms | _in_base64(secret)


def _in_base64(secret: str) -> set[str]:
    return {b64encode(secret.encode()).decode()} if _is_utf8_encodable(secret) else set()


def _is_utf8_encodable(text: str) -> bool:
    """Return whether the text can be encoded as UTF-8. An environment variable in another encoding cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _as_in_json(text: str) -> bytes:
    return canonical_bytes({"": text})[5:-2]
