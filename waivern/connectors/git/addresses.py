"""Addresses of repositories, and the credentials for them."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from waivern.addresses import scheme_of, shown_address

_SCHEMES = frozenset({"file", "git", "http", "https", "ssh"})
_PASSWORD_SCHEMES = frozenset({"http", "https"})
_SCP_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9.-]{2,}:(?!//)[^\s:][^\s]*", re.ASCII)
_INVALID_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(?:/|$)|^[-/.]|[/.]$|^$")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_TOKEN_USER = "x-access-token"  # noqa: S105  the user name that GitHub requires; other servers accept any


@dataclass(frozen=True)
class Credentials:
    """Credentials for a server, whose addresses begin with `origin`; the password is never shown."""

    origin: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Address:
    """The address of a repository.

    Args:
        location: The argument for git: an address without credentials, or a path.
        shown: The repository's name in messages.
        credentials: What git answers if the server asks for credentials.
    """

    location: str
    shown: str
    credentials: Credentials | None = None


def address_error(address: str) -> str | None:
    """Return what is wrong with the address of a repository; None if it is valid."""
    if address.startswith("-") or any(ord(char) < 32 or ord(char) == 127 for char in address):
        return "is neither an address nor a path"
    scheme = scheme_of(address)
    if "::" in address.partition("/")[0] or (scheme is not None and scheme not in _SCHEMES):
        return f"has an unsupported scheme: use {', '.join(sorted(_SCHEMES))}, user@host:path, or a path"
    try:
        _ = urlsplit(address).port  # a "/" in a password ends the host: what is left of the password is no port
    except ValueError:
        return "is not a valid address; write @ : / # ? in a password as %40 %3A %2F %23 %3F"
    return None


def ref_error(ref: str) -> str | None:
    """Return what is wrong with the name of a branch, a tag or a commit; None if it is valid.

    Source: git-check-ref-format(1).
    """
    return "is not a valid name of a branch, a tag or a commit" if _INVALID_REF.search(ref) else None


def parse_address(address: str, *, token: str | None, folder: Path) -> Address:
    """Parse an address and move the credentials out of it; a token takes precedence over them.

    Args:
        folder: Where a relative path starts.
    """
    if scheme_of(address) is None:
        is_remote = _SCP_ADDRESS.fullmatch(address) is not None
        return Address(address if is_remote else str(folder / Path(address).expanduser()), address)
    parts = urlsplit(address)
    if parts.scheme.lower() not in _PASSWORD_SCHEMES:
        return Address(address, shown_address(address))
    host = parts.netloc.rpartition("@")[2]
    location = urlunsplit((parts.scheme, host, parts.path, "", ""))
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if token:
        user, password = _TOKEN_USER, token
    credentials = Credentials(f"{parts.scheme}://{host}", user, password) if user or password else None
    return Address(location, shown_address(address), credentials)


def with_token(address: Address, token: str) -> Address:
    """Return the same address with a token for its server."""
    parts = urlsplit(address.location)
    return replace(address, credentials=Credentials(f"{parts.scheme}://{parts.netloc}", _TOKEN_USER, token))


def is_unencrypted(address: str) -> bool:
    """Return whether credentials would be sent there unencrypted, to another machine."""
    return scheme_of(address) == "http" and urlsplit(address).hostname not in _LOCAL_HOSTS
