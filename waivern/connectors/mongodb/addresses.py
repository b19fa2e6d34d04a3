"""Where a MongoDB server is, what it is called, and what its address must not be shown with."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from waivern.files.addresses import without_login

_URI = re.compile(
    r"(?P<scheme>mongodb(?:\+srv)?)://(?:(?P<login>.*)@)?(?P<hosts>[^/?@]+)(?:/(?P<database>[^?]*))?(?:\?.*)?"
)

_SIGNS = "and @ : / in a password as %40 %3A %2F"


@dataclass(frozen=True)
class Server:
    """A server, or several that are one.

    Args:
        arguments: What pymongo makes a client with; there is a password in them.
        hosts: What the server is called: hosts and ports.
        secrets: What must not be shown of the arguments.
    """

    arguments: dict[str, Any] = field(repr=False)
    hosts: str
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def shown(self, said: str) -> str:
        """Return in one line what a driver said, without a login."""
        said = without_login(" ".join(said.split()))
        for secret in self.secrets:
            said = said.replace(secret, "***")
        return said


def fault_of(uri: str) -> str | None:
    """Say what is wrong with an address; None where nothing is. Nothing is looked up."""
    match = _URI.fullmatch(uri)
    if match is None:
        return f"is no address of MongoDB: write mongodb://USER:PASSWORD@HOST/DATABASE, {_SIGNS}"
    if match["scheme"] == "mongodb":
        from pymongo.errors import PyMongoError
        from pymongo.uri_parser import parse_uri

        try:
            parse_uri(uri, warn=False)
        except (PyMongoError, ValueError):  # what they say may repeat the address
            return f"is an address that MongoDB's driver does not take: mind its options, {_SIGNS}"
    return None


def database_in(uri: str) -> str | None:
    """Return the database that an address names; None where it names none."""
    match = _URI.fullmatch(uri)
    return unquote(match["database"]) if match and match["database"] else None


def at_uri(uri: str) -> Server:
    """Return the server at an address that `fault_of` finds no fault with."""
    match = _URI.fullmatch(uri)
    assert match is not None
    named = match["hosts"].split(",")
    hosts = ",".join(each if _has_port(each, match["scheme"]) else f"{each}:27017" for each in named)
    written = (match["login"] or "").partition(":")[2]
    return Server({"host": uri}, hosts, _secrets(written, unquote(written)))


def at_host(host: str, port: int, user: str | None, password: str | None, auth_source: str) -> Server:
    """Return the server that a runbook names by its parts."""
    arguments: dict[str, Any] = {"host": host, "port": port}
    if user:
        arguments |= {"username": user, "password": password, "authSource": auth_source}
    return Server(arguments, f"{host}:{port}", _secrets(password or ""))


def _has_port(host: str, scheme: str) -> bool:
    return scheme != "mongodb" or ":" in host.rpartition("]")[2]


def _secrets(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in dict.fromkeys(texts) if text)
