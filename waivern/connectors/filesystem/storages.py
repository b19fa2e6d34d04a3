"""Which storages there are, whether one can be read here, and what is meant when one fails."""

import socket
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from waivern.errors import did_you_mean
from waivern.files.addresses import kind_of, without_login

FILES_ONLY = frozenset({"http", "https"})
"""Storages whose folders are pages with links, which lead anywhere."""

_OF_S3 = frozenset({"s3", "s3a"})
_CONNECTORS = frozenset({"git", "github"})
_WRAPPING = frozenset(  # storages that only show another one, or this machine
    {"async_wrapper", "asyncwrapper", "asynclocal", "blockcache", "cached", "dask", "data", "dir", "filecache"}
    | {"generic", "jlab", "jupyter", "libarchive", "pyscript", "reference", "simplecache", "tar", "zip"}
)
_LOST = frozenset(  # by their names: they are errors of libraries that need not be installed
    {"EndpointConnectionError", "ConnectionClosedError", "HTTPClientError", "ConnectTimeoutError", "ReadTimeoutError"}
    | {"ClientConnectorError", "ServerDisconnectedError", "ServerTimeoutError", "FSTimeoutError"}
)
_NO_LOGIN = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "NoRegionError"})
_SHORTEST_SECRET = 4


def fault_of(address: str) -> str | None:
    """Say why the storage at an address cannot be read; None where it can."""
    kind = kind_of(address) or ""
    if "::" in address:
        return "is an address within an address, which is not read"
    if kind in _CONNECTORS:
        return f"is what the connector `{kind}` reads"
    if find_spec("fsspec") is None:
        return f"is read with packages that are not installed: pip install 'waivern[s3]' to read {kind}://"
    from fsspec.registry import known_implementations, registry

    known = sorted({*known_implementations, *registry} - _WRAPPING)
    if kind not in known:
        return " ".join(["is no kind of storage that can be read.", did_you_mean(kind, known) or ""]).rstrip()
    about = known_implementations.get(kind, {})
    if kind in registry or find_spec(about["class"].partition(".")[0]) is not None:
        return None
    remedy = "pip install 'waivern[s3]'" if kind in _OF_S3 else about.get("err", "")
    return f"is read with a package that is not installed. {remedy}".rstrip()


def is_lost(error: Exception) -> bool:
    """Say whether an error means that the storage's server cannot be reached, rather than one file of it."""
    cause: BaseException | None = error  # some storages say of a server that is away that a file is not there
    while cause is not None:
        if isinstance(cause, (ConnectionError, TimeoutError, socket.gaierror)) or _names(cause) & _LOST:
            return True
        cause = cause.__cause__
    return False


def reason(error: Exception, options: Mapping[str, Any]) -> str:
    """Return in one line what went wrong, without a value of the options or a login."""
    if is_lost(error):
        return "its server cannot be reached"
    if isinstance(error, FileNotFoundError):
        return "there is nothing of this name"
    if isinstance(error, PermissionError):
        return "access is denied"
    if _names(error) & _NO_LOGIN:
        return "no credentials were found"
    said = without_login(" ".join(str(error).split()))
    for secret in _texts(options):
        said = said.replace(secret, "***")
    return f"{said} ({type(error).__name__})" if said else type(error).__name__


def remedy(error: Exception) -> str:
    """Return what can be done about an error."""
    if is_lost(error):
        return "Check the network and `endpoint_url` in `storage_options`"
    if isinstance(error, FileNotFoundError):
        return "Correct `path`: the bucket, and the folder in it, upper and lower case as they are"
    if isinstance(error, PermissionError):
        return "Let the user whose credentials are meant list and read it"
    if _names(error) & _NO_LOGIN:
        return (
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give `key` and `secret`, or `anon: true`, in"
            " `storage_options`"
        )
    return "Correct `path` and `storage_options`"


def _names(error: BaseException) -> set[str]:
    return {each.__name__ for each in type(error).__mro__}


def _texts(options: Any) -> Iterator[str]:
    """The texts among options that may be secret, however deep they are."""
    if isinstance(options, str):
        if len(options) >= _SHORTEST_SECRET and kind_of(options) is None:
            yield options
    elif isinstance(options, Mapping):
        for each in options.values():
            yield from _texts(each)
    elif isinstance(options, list | tuple):
        for each in options:
            yield from _texts(each)
