"""Posts a signed notification to a URL, and only to public addresses unless the schedule allows others."""

import base64
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from waivern import __version__
from waivern.errors import UsageError, WaivernError
from waivern.service.notifications.public_addresses import is_public

_BASE64_PREFIX = "whsec_"
_MAX_READ_BYTES = 1024
_PORTS = {"http": 80, "https": 443}


class DeliveryError(WaivernError):
    """A notification was not delivered."""


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: "v1," and the HMAC-SHA256 of id, seconds and body in base64.

    A secret that begins with `whsec_` is a base64-encoded key; any other is the key itself in UTF-8.

    Raises:
        UsageError: what follows `whsec_` is not valid base64.

    Source: the Standard Webhooks specification, version 1.
    """
    key = secret.encode()
    if secret.startswith(_BASE64_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_BASE64_PREFIX), validate=True)
        except ValueError:
            raise UsageError("The webhook's secret is not valid base64 after whsec_") from None
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def post(
    url: str,
    body: bytes,
    *,
    message_id: str,
    timestamp: int,
    secret: str | None,
    timeout_s: float,
    allow_private: bool,
) -> None:
    """Post JSON to a URL; return when it was accepted with a status of 200 to 299.

    The host name is resolved once, and only that address is contacted, if it is public. Redirects are not followed.

    Args:
        url: http:// or https://.
        body: The JSON.
        message_id: Lets a receiver recognise a notification that arrives twice.
        timestamp: The time of sending, in seconds since 1970.
        secret: The key for its signature; None: it is not signed.
        timeout_s: Seconds for the whole request.
        allow_private: Whether addresses that are not public may be contacted.

    Raises:
        DeliveryError: it was not delivered; the text names the host, never the rest of the URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise DeliveryError("The webhook's URL must begin with http:// or https://")
    headers = {"Content-Type": "application/json", "User-Agent": f"Waivern/{__version__}", "webhook-id": message_id}
    headers["webhook-timestamp"] = str(timestamp)
    if secret is not None:
        headers["webhook-signature"] = signature(secret, message_id, timestamp, body)
    try:
        status = _request(parts, body, headers, timeout_s=timeout_s, allow_private=allow_private)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = str(error) if isinstance(error, OSError) and str(error) else type(error).__name__
        raise DeliveryError(f"Request to {parts.hostname} failed: {reason}") from None
    if 300 <= status < 400:
        raise DeliveryError(f"{parts.hostname} answered with a redirect ({status}), which is not followed")
    if not 200 <= status < 300:
        raise DeliveryError(f"{parts.hostname} answered with status {status}")


def _request(
    parts: SplitResult, body: bytes, headers: Mapping[str, str], *, timeout_s: float, allow_private: bool
) -> int:
    host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
    address = _address_of(host, port, allow_private=allow_private)
    connection = _PinnedConnection(host, port, address, is_secure=parts.scheme == "https", timeout_s=timeout_s)
    timer = threading.Timer(timeout_s, connection.abort)
    timer.daemon = True
    timer.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body=body, headers=dict(headers))
        response = connection.getresponse()
        response.read(_MAX_READ_BYTES)
        return response.status
    except (OSError, http.client.HTTPException):
        if connection.is_aborted:
            raise TimeoutError(f"it took longer than {timeout_s:g} s") from None
        raise
    finally:
        timer.cancel()
        connection.close()


def _address_of(host: str, port: int, *, allow_private: bool) -> str:
    for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = str(info[4][0])
        if allow_private or is_public(address):
            return address
    raise DeliveryError(
        f"{host} is not a public address", remedy="Set `allow_private: true` to allow private addresses"
    )


class _PinnedConnection(http.client.HTTPConnection):
    """A connection to one IP address, with the host name in the Host header and the TLS handshake."""

    def __init__(self, host: str, port: int, address: str, *, is_secure: bool, timeout_s: float) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self.default_port = _PORTS["https" if is_secure else "http"]  # the Host header omits the default port
        self._address = address
        self._is_secure = is_secure
        self.is_aborted = False

    def connect(self) -> None:
        sock = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = sock
        if self._is_secure:
            self.sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self.host)

    def abort(self) -> None:
        """Interrupt what it waits for; called from another thread."""
        self.is_aborted = True
        sock = self.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
