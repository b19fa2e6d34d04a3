"""What may be a secret in the text of a webhook or command, and must therefore be written as `${NAME}`.

The settings of a schedule are stored, and appear in events and archives. Of a URL, whatever follows the host may be a
secret: services such as Slack, Teams and Discord put the key of a webhook into its path, others into its query.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")  # not one with a default, which is literal text
_MARK = "\0"
"""Replaces references."""

_SIGNING_PREFIX = "whsec_"
_AFTER_AUTHORITY = re.compile(r"(?=[/?#\\])")
_VERSION = re.compile(r"v\d{1,2}")
_PARAMETER_NAME = re.compile(r"[A-Za-z_-]{1,20}")
_WORD_BREAKS = re.compile(r"[-_.]")
_PLAIN_WORDS = frozenset(
    (
        *("alert", "alerts", "api", "event", "events", "hook", "hooks", "in", "incoming", "integrations", "internal"),
        *("message", "messages", "notification", "notifications", "notify", "rooms", "service", "services", "waivern"),
        *("web", "webhook", "webhooks", "workflows"),
    )
)
"""Words that name a service, never its key."""

_URL_IN_TEXT = re.compile(r"https?://\S+", re.IGNORECASE)
_SECRET_NAME = re.compile(r"-{0,2}[\w-]*(?:password|passwd|passphrase|pwd|token|secret|api[-_]?key)", re.IGNORECASE)
_HOST = re.compile(r"https?://(?:[^/?#]*@)?(?P<host>\[[^\]]*\]|[^/?#:@\\\\]+)", re.IGNORECASE)


def is_secret_reference(secret: str) -> bool:
    """Return whether a signing secret is nothing but `${NAME}`, after the prefix `whsec_` if it has one."""
    return _is_marked(_marked(secret).removeprefix(_SIGNING_PREFIX))


def is_url_with_secret(url: str) -> bool:
    """Return whether a URL has a login, path, query or fragment that may be secret and is not `${NAME}`."""
    marked = _marked(url)
    _, scheme_end, after_scheme = marked.partition("://")
    authority, *others = _AFTER_AUTHORITY.split(after_scheme if scheme_end else marked, maxsplit=1)
    before_fragment, _, fragment = "".join(others).partition("#")
    path, _, query = before_fragment.partition("?")
    login = authority.rpartition("@")[0]
    is_plain = (
        not login.strip(f"{_MARK}:")
        and all(_is_plain(part) for part in path.split("/"))
        and all(_is_plain_parameter(parameter) for parameter in query.split("&"))
        and _is_plain(fragment)
    )
    return not is_plain


def host_of(url: str) -> str | None:
    """Return the host of a URL, without port and login, or None if it is not literal."""
    match = _HOST.match(url)
    return None if match is None or "${" in match["host"] else match["host"]


def has_secret_argument(command: Sequence[str]) -> bool:
    """Return whether a command has a URL with a secret, or a password, token or key, that is not `${NAME}`."""
    urls = [url for argument in command for url in _URL_IN_TEXT.findall(argument)]
    named = [argument.partition("=") for argument in command[1:] if "=" in argument]
    values = [
        *(value for name, _, value in named if _SECRET_NAME.fullmatch(name)),
        *(value for name, value in pairwise(command[1:]) if name.startswith("-") and _SECRET_NAME.fullmatch(name)),
    ]
    return any(map(is_url_with_secret, urls)) or any(_marked(value).strip(_MARK) for value in values)


def _marked(text: str) -> str:
    return _REFERENCE.sub(_MARK, text.replace(_MARK, "?"))


def _is_marked(text: str) -> bool:
    return text.strip(_MARK) == "" != text


def _is_plain(part: str) -> bool:
    """Return whether a part of a URL has only references, and words that name a service."""
    words = _WORD_BREAKS.split(part.replace(_MARK, "").casefold())
    return all(word in _PLAIN_WORDS or _VERSION.fullmatch(word) is not None for word in words if word)


def _is_plain_parameter(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    is_passed = _PARAMETER_NAME.fullmatch(name) is not None and _is_marked(value)
    return is_passed or not parameter.strip(_MARK)
