"""Where repositories are, and what lets somebody in there."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from waivern.files.addresses import kind_of, without_login

_KINDS = frozenset({"file", "git", "http", "https", "ssh"})
_WITH_PASSWORD = frozenset({"http", "https"})
_BY_SSH = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9.-]{2,}:(?!//)[^\s:][^\s]*", re.ASCII)
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(?:/|$)|^[-/.]|[/.]$|^$")
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_BESIDE_A_TOKEN = "x-access-token"  # noqa: S105  the user that GitHub wants; others take any


@dataclass(frozen=True)
class Login:
    """Who asks a server, at the address that its `origin` begins; the password is shown nowhere."""

    origin: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Address:
    """Where a repository is.

    Args:
        location: What git is given: an address without login, or a path.
        shown: What the repository is called.
        login: What the server is told, if it asks.
    """

    location: str
    shown: str
    login: Login | None = None


def fault_of_address(written: str) -> str | None:
    """Say what is wrong with where a repository is said to be; None where nothing is."""
    if written.startswith("-") or any(ord(sign) < 32 or ord(sign) == 127 for sign in written):
        return "is neither an address nor a path"
    kind = kind_of(written)
    if "::" in written.partition("/")[0] or (kind is not None and kind not in _KINDS):
        return f"is of no kind that is read: {', '.join(sorted(_KINDS))}, user@host:path, or a path"
    try:
        urlsplit(written)
    except ValueError:
        return "is no address"
    return None


def fault_of_ref(written: str) -> str | None:
    """Say what is wrong with the name of a branch, a tag or a commit; None where nothing is.

    Source: git-check-ref-format(1).
    """
    return "is no name of a branch, a tag or a commit" if _BAD_REF.search(written) else None


def address_of(written: str, *, token: str | None, folder: Path) -> Address:
    """Read where a repository is; a login in the address is taken out of it, and a token goes before it.

    Args:
        folder: What a relative path is meant from.
    """
    if kind_of(written) is None:
        is_remote = _BY_SSH.fullmatch(written) is not None
        return Address(written if is_remote else str(folder / Path(written).expanduser()), written)
    parts = urlsplit(written)
    if parts.scheme.lower() not in _WITH_PASSWORD:
        return Address(written, without_login(written))
    host = parts.netloc.rpartition("@")[2]
    location = urlunsplit((parts.scheme, host, parts.path, "", ""))
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if token:
        user, password = _BESIDE_A_TOKEN, token
    login = Login(f"{parts.scheme}://{host}", user, password) if user or password else None
    return Address(location, without_login(written), login)


def with_token(address: Address, token: str) -> Address:
    """Return the same place, with a token for its server."""
    parts = urlsplit(address.location)
    return replace(address, login=Login(f"{parts.scheme}://{parts.netloc}", _BESIDE_A_TOKEN, token))


def is_in_the_clear(written: str) -> bool:
    """Say whether whoever listens on the way reads a login that is sent there."""
    return kind_of(written) == "http" and urlsplit(written).hostname not in _HERE
