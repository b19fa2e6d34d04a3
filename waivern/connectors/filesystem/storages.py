"""The remote storages of fsspec: which ones can be read, and the reasons and remedies of their errors."""

import socket
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from waivern.addresses import hide_secrets, scheme_of
from waivern.errors import did_you_mean

SINGLE_FILE_SCHEMES = frozenset({"http", "https"})
"""Schemes that are read one file at a time: their folders would be pages with links to anywhere."""

_S3_SCHEMES = frozenset({"s3", "s3a"})
_CONNECTOR_SCHEMES = frozenset({"git", "github"})
_WRAPPERS = frozenset(  # file systems that wrap another storage, or read this machine
    {"async_wrapper", "asyncwrapper", "asynclocal", "blockcache", "cached", "dask", "data", "dir", "filecache"}
    | {"generic", "jlab", "jupyter", "libarchive", "pyscript", "reference", "simplecache", "tar", "zip"}
)
_CONNECTION_ERRORS = frozenset(  # names, because the libraries that define them may not be installed
    {"EndpointConnectionError", "ConnectionClosedError", "HTTPClientError", "ConnectTimeoutError", "ReadTimeoutError"}
    | {"ClientConnectorError", "ServerDisconnectedError", "ServerTimeoutError", "FSTimeoutError"}
)
_CREDENTIAL_ERRORS = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "NoRegionError"})
_MIN_SECRET_LENGTH = 4


def storage_error(address: str) -> str | None:
    """Return why the storage at an address cannot be read; None if it can."""
    scheme = scheme_of(address) or ""
    if "::" in address:
        return "is a chain of addresses, which is not supported"
    if scheme in _CONNECTOR_SCHEMES:
        return f"is read by the connector `{scheme}`"
    if find_spec("fsspec") is None:
        return f"needs packages that are not installed: pip install 'waivern[s3]' to read {scheme}://"
    from fsspec.registry import known_implementations, registry

    known = sorted({*known_implementations, *registry} - _WRAPPERS)
    if scheme not in known:
        return " ".join(["is not a supported storage.", did_you_mean(scheme, known) or ""]).rstrip()
    implementation = known_implementations.get(scheme, {})
    if scheme in registry or find_spec(implementation["class"].partition(".")[0]) is not None:
        return None
    remedy = "pip install 'waivern[s3]'" if scheme in _S3_SCHEMES else implementation.get("err", "")
    return f"needs a package that is not installed. {remedy}".rstrip()


def is_connection_error(error: Exception) -> bool:
    """Return whether an error means that the storage's server cannot be reached, rather than one file."""
    cause: BaseException | None = error  # some storages raise FileNotFoundError if the server is unreachable
    while cause is not None:
        if isinstance(cause, (ConnectionError, TimeoutError, socket.gaierror)) or _names(cause) & _CONNECTION_ERRORS:
            return True
        cause = cause.__cause__
    return False


def error_reason(error: Exception, address: str, options: Mapping[str, Any]) -> str:
    """Return in one line what went wrong at an address, without values of the options and without credentials."""
    if is_connection_error(error):
        return "its server cannot be reached"
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    if isinstance(error, PermissionError):
        return "access is denied"
    if _names(error) & _CREDENTIAL_ERRORS:
        return "no credentials were found"
    text = " ".join(hide_secrets(str(error), address).split())
    for secret in _secrets(options):
        text = text.replace(secret, "***")
    return f"{text} ({type(error).__name__})" if text else type(error).__name__


def error_remedy(error: Exception) -> str:
    """Return what can be done about an error."""
    if is_connection_error(error):
        return "Check the network and `endpoint_url` in `storage_options`"
    if isinstance(error, FileNotFoundError):
        return "Correct `path`: the bucket and the folder in it; case matters"
    if isinstance(error, PermissionError):
        return "Give the user of these credentials permission to list and read it"
    if _names(error) & _CREDENTIAL_ERRORS:
        return (
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give `key` and `secret`, or `anon: true`, in"
            " `storage_options`"
        )
    return "Correct `path` and `storage_options`"


def _names(error: BaseException) -> set[str]:
    return {class_.__name__ for class_ in type(error).__mro__}


def _secrets(options: Any) -> Iterator[str]:
    """Yield the texts in the options that may be secret, on all levels."""
    if isinstance(options, str):
        if len(options) >= _MIN_SECRET_LENGTH and scheme_of(options) is None:
            yield options
    elif isinstance(options, Mapping):
        for value in options.values():
            yield from _secrets(value)
    elif isinstance(options, list | tuple):
        for value in options:
            yield from _secrets(value)
