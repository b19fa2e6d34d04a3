"""Addresses of MongoDB servers, and how they are shown without secrets."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from waivern.addresses import hide_secrets

_URI = re.compile(
    r"(?P<scheme>mongodb(?:\+srv)?)://(?:(?P<login>.*)@)?(?P<hosts>[^/?@]+)(?:/(?P<database>[^?]*))?(?:\?.*)?"
)

_ESCAPES = "write @ : / in a password as %40 %3A %2F"


@dataclass(frozen=True)
class Server:
    """A server or replica set.

    Args:
        arguments: The arguments of pymongo's client, including the password.
        hosts: Its name in messages: hosts and ports.
        secrets: The values in `arguments` that must not be shown.
    """

    arguments: dict[str, Any] = field(repr=False)
    hosts: str
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def redact(self, text: str) -> str:
        """Return a driver's message in one line, without credentials."""
        text = " ".join(hide_secrets(text, str(self.arguments["host"])).split())
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def uri_error(uri: str) -> str | None:
    """Return what is wrong with a URI; None if it is valid. No name is resolved."""
    match = _URI.fullmatch(uri)
    if match is None:
        return f"is not a valid MongoDB URI: write mongodb://USER:PASSWORD@HOST/DATABASE, and {_ESCAPES}"
    if match["scheme"] == "mongodb":
        from pymongo.errors import PyMongoError
        from pymongo.uri_parser import parse_uri

        try:
            parse_uri(uri, warn=False)
        except (PyMongoError, ValueError):  # their messages may repeat the URI
            return f"is not accepted by MongoDB's driver: check its options, and {_ESCAPES}"
    return None


def database_in(uri: str) -> str | None:
    """Return the database that a URI names; None if it names none."""
    match = _URI.fullmatch(uri)
    return unquote(match["database"]) if match and match["database"] else None


def server_at_uri(uri: str) -> Server:
    """Return the server of a URI in which `uri_error` finds no error."""
    match = _URI.fullmatch(uri)
    assert match is not None
    names = match["hosts"].split(",")
    hosts = ",".join(name if _has_port(name, match["scheme"]) else f"{name}:27017" for name in names)
    password = (match["login"] or "").partition(":")[2]
    return Server({"host": uri}, hosts, _secrets(password, unquote(password)))


def server_at_host(host: str, port: int, user: str | None, password: str | None, auth_source: str) -> Server:
    """Return the server for single properties."""
    arguments: dict[str, Any] = {"host": host, "port": port}
    if user:
        arguments |= {"username": user, "password": password, "authSource": auth_source}
    return Server(arguments, f"{host}:{port}", _secrets(password or ""))


def _has_port(host: str, scheme: str) -> bool:
    return scheme != "mongodb" or ":" in host.rpartition("]")[2]


def _secrets(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in dict.fromkeys(texts) if text)
