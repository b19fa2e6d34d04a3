"""Addresses and connection strings: shown without credentials, and searched for their secrets.

An address is a URL such as s3://bucket/folder. A connection string is the URL of a database, a list such as
`host=h password=p` (libpq), or a list such as `Server=h;PWD={p}` (ODBC). Secrets in them should be encoded or quoted,
and often are not. Then a parser takes the end of the secret for a host, a path or an option, and errors show it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote, unquote_plus

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)(?:://|::(?=.*://))", re.ASCII)
_URL = r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://)"
_USER = r"(?P<user>[^:/?#\s@\[]*):"
_NO_PORT = r"(?!\d*(?:[/?#,\s]|$))"  # what follows a colon is no port

# Any of: a login without spaces and "/?#"; a password with "/?#"; a password with spaces.
_LOGIN = re.compile(
    rf"{_URL}(?:[^/?#\s]*@|{_USER}{_NO_PORT}(?:(?:(?!://)\S)*@|(?:(?!://)[^\n])*@(?=[\w.\[-])))", re.ASCII
)
_AMBIGUOUS_LOGIN = re.compile(r"[^:/]+://[^:/@]*:[^@]*@[^?]*@")
_PLACEHOLDER = re.compile(r"://user(?::password)?@", re.IGNORECASE)
_QUERY = re.compile(rf"{_URL}(?P<path>[^?#\s]*)[?#]\S*", re.ASCII)
_WHOLE = re.compile(rf"(?P<before>.*?://)(?:[^/?#]*@|{_USER}{_NO_PORT}.*@)?(?P<path>[^?#]*).*", re.ASCII | re.DOTALL)

# An "@" in a password should be percent-encoded and often is not: both the first and the last may end it.
_PASSWORDS = [
    re.compile(rf"://(?P<user>[^:/?#\s]*):(?P<password>{until})@")
    for until in (r"[^@\n]+", r"[^/?#\s]+", r"\S+", r"[^\n]+")
]
_LONE_LOGIN = re.compile(r"://(?P<user>[^:/?#@\s]+)(?::(?:x-oauth-basic|x-access-token)?)?@")
_TOKEN = re.compile(r"(?=.*\d)\S{8,}")
_SENSITIVE_NAME = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|pwd|token|key|secret|signature|credential)[\w.-]*|\b(?:pass|pw|sig))"
)
_NAMED_SECRET = re.compile(
    rf"{_SENSITIVE_NAME}\s*=\s*(?:'(?P<single>(?:[^'\\]|\\.)*)'|\"(?P<double>(?:[^\"]|\"\")*)\""
    r"|\{(?P<braces>(?:[^}]|\}\})*)\}|(?P<bare>[^\n]+?)(?=\s*[&;]\s*[A-Za-z][\w. -]{0,40}=|\s+[A-Za-z]\w*=|[\n\"']|$))",
    re.IGNORECASE,
)
_ENDS_OF_PASSWORD = re.compile(r"[@/?#\s]+")
_ENDS_OF_OPTION = re.compile(r"[&;#\s]+")
_PORT_AND_PATH = re.compile(r"\d{1,5}[/?#,\s]")
_UNQUOTED: Mapping[str, Callable[[str], str]] = {
    "single": lambda text: re.sub(r"\\(.)", r"\1", text),
    "double": lambda text: text.replace('""', '"'),
    "braces": lambda text: text.replace("}}", "}"),
    "bare": lambda text: text,
}


MIN_SECRET_LENGTH = 4
"""Shorter parts of an address are not hidden: they would also be hidden where they are parts of words."""


def scheme_of(address: str) -> str | None:
    """Return the scheme of an address (or the first of a chain "a::b://") in lower case; None if there is none."""
    match = _SCHEME.match(address)
    return match["scheme"].lower() if match else None


def without_credentials(text: str) -> str:
    """Return the text with user, password, query and fragment removed from every address in it.

    The query goes too because signed addresses have their signature there. Of an address with spaces in its query, only
    the part before the first space is known to belong to it: if the address is known, use `shown_address`.
    """
    return _QUERY.sub(r"\g<before>\g<path>", _LOGIN.sub(r"\g<before>", text))


def without_logins(text: str) -> str:
    """Return the text with `***` instead of user and password in every address in it, but for USER:PASSWORD itself."""
    return _LOGIN.sub(lambda match: match[0] if _PLACEHOLDER.search(match[0]) else f"{match['before']}***@", text)


def shown_address(address: str) -> str:
    """Return one address without user, password, query and fragment; a path or a name is returned as it is."""
    match = _WHOLE.fullmatch(address) if scheme_of(address) is not None else None
    return f"{match['before']}{match['path']}" if match else address


def hide_secrets(text: str, address: str) -> str:
    """Return an error's text without the secrets of the address that it is about, and without other credentials."""
    shown = shown_address(address)
    text = text.replace(address, shown)
    for secret in sorted(set(secrets_in(address)), key=len, reverse=True):
        if secret not in shown or scheme_of(address) is None:
            text = text.replace(secret, "***")
    return without_credentials(text)


def has_ambiguous_login(url: str) -> bool:
    """Return whether the URL of a database has an unencoded "@" in or after its password.

    SQLAlchemy takes the first "@" for the end of the password, and shows what follows it as host or database.
    """
    return _AMBIGUOUS_LOGIN.match(url) is not None


def logins_in(value: str) -> Iterator[tuple[str, str]]:
    """Yield user and password of every URL in `value`, as written and decoded, in every way that it can be read."""
    for pattern in _PASSWORDS:
        for match in pattern.finditer(value):
            user, password = match["user"], match["password"]
            yield from ((user, password), (unquote(user), unquote(password)))
            yield unquote_plus(user), unquote_plus(password)


def secrets_in(value: str) -> Iterator[str]:
    """Yield the secret parts of a URL or connection string, as written and decoded.

    These are passwords and what follows `password=`, `token=` and similar names. If they should have been encoded or
    quoted and are not, also the pieces into which a parser cuts them. A login without a password is secret if it looks
    like a token: 8 or more characters with a digit. Parts of less than `MIN_SECRET_LENGTH` characters are left out.
    """
    for secret in (*_passwords(value), *_named_secrets(value), *_named_secrets(unquote_plus(value)), *_tokens(value)):
        yield from (form for form in (secret, unquote(secret), unquote_plus(secret)) if len(form) >= MIN_SECRET_LENGTH)


def _passwords(value: str) -> Iterator[str]:
    for match in _PASSWORDS[0].finditer(value):
        first = match["password"]
        if _ENDS_OF_PASSWORD.search(first) and not _PORT_AND_PATH.match(first):
            for longest in _PASSWORDS[-1].finditer(value):
                yield from _ENDS_OF_PASSWORD.split(longest["password"])
    for match in _PASSWORDS[1].finditer(value):
        yield from match["password"].split("@")
    yield from (password for _, password in logins_in(value))


def _named_secrets(value: str) -> Iterator[str]:
    for match in _NAMED_SECRET.finditer(value):
        for quoting, unquoted in _UNQUOTED.items():
            if match[quoting] is not None:
                yield from (match[quoting], unquoted(match[quoting]))
        if match["bare"] is not None:
            yield from _ENDS_OF_OPTION.split(match["bare"])
            yield from _ENDS_OF_OPTION.split(match["bare"], maxsplit=1)


def _tokens(value: str) -> Iterator[str]:
    return (match["user"] for match in _LONE_LOGIN.finditer(value) if _TOKEN.fullmatch(match["user"]))
