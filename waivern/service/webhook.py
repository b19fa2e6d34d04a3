"""Posting a signed notice to a URL, and to no address that is nobody's business."""

import base64
import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from waivern import __version__
from waivern.errors import UsageError, WaivernError

_KEY_IN_BASE64 = "whsec_"
_READ_OF_ANSWER = 1024
_PORTS = {"http": 80, "https": 443}
_ENDS_WITH_IPV4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))


class DeliveryError(WaivernError):
    """A notice did not arrive."""


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: "v1," and the HMAC-SHA256 of id, seconds and body in base64.

    A secret that begins with `whsec_` is a key in base64, any other is the key itself in UTF-8.

    Raises:
        UsageError: what follows `whsec_` is no base64.

    Source: the Standard Webhooks specification, version 1.
    """
    key = secret.encode()
    if secret.startswith(_KEY_IN_BASE64):
        try:
            key = base64.b64decode(secret.removeprefix(_KEY_IN_BASE64), validate=True)
        except ValueError:
            raise UsageError("The webhook's secret begins with whsec_ and is no base64 behind it") from None
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

    The host's name is looked up once, and exactly that address is asked, if it is public. No redirect is followed.

    Args:
        url: http:// or https://.
        body: The JSON.
        message_id: By which a receiver knows a notice that arrives twice.
        timestamp: When it is sent, in seconds since 1970.
        secret: What it is signed with, if anything.
        timeout_s: Seconds for all of it.
        allow_private: Whether addresses that are not public may be asked.

    Raises:
        DeliveryError: it did not arrive; the text names the host, never the rest of the URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise DeliveryError("The webhook's url is none of http:// or https://")
    headers = {"Content-Type": "application/json", "User-Agent": f"Waivern/{__version__}", "webhook-id": message_id}
    headers["webhook-timestamp"] = str(timestamp)
    if secret is not None:
        headers["webhook-signature"] = signature(secret, message_id, timestamp, body)
    try:
        status = _asked(parts, body, headers, timeout_s=timeout_s, allow_private=allow_private)
    except (OSError, http.client.HTTPException, ValueError) as error:
        what = str(error) if isinstance(error, OSError) and str(error) else type(error).__name__
        raise DeliveryError(f"{parts.hostname} could not be asked: {what}") from None
    if 300 <= status < 400:
        raise DeliveryError(f"{parts.hostname} answered with a redirect ({status}), which is not followed")
    if not 200 <= status < 300:
        raise DeliveryError(f"{parts.hostname} answered with status {status}")


def _asked(
    parts: SplitResult, body: bytes, headers: Mapping[str, str], *, timeout_s: float, allow_private: bool
) -> int:
    host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
    address = _address_of(host, port, allow_private=allow_private)
    connection = _Pinned(host, port, address, is_secure=parts.scheme == "https", timeout_s=timeout_s)
    too_late = threading.Timer(timeout_s, connection.break_off)
    too_late.daemon = True
    too_late.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        answer.read(_READ_OF_ANSWER)
        return answer.status
    except (OSError, http.client.HTTPException):
        if connection.is_broken_off:
            raise TimeoutError(f"it took longer than {timeout_s:g} s") from None
        raise
    finally:
        too_late.cancel()
        connection.close()


def _address_of(host: str, port: int, *, allow_private: bool) -> str:
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        if allow_private or _is_public(address):
            return address
    raise DeliveryError(
        f"{host} is not a public address", remedy="Set `allow_private: true` if it may be asked all the same"
    )


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = _ipv4_within(found) if isinstance(found, ipaddress.IPv6Address) else None
    asked = inner or found
    return asked.is_global and not asked.is_multicast


def _ipv4_within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a gateway would make of it: mapped, 6to4, NAT64 (RFC 6052), or the old compatible form."""
    if any(address in network for network in _ENDS_WITH_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, in the name of a host."""

    def __init__(self, host: str, port: int, address: str, *, is_secure: bool, timeout_s: float) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self.default_port = _PORTS["https" if is_secure else "http"]  # which the Host header leaves out
        self._address = address
        self._is_secure = is_secure
        self.is_broken_off = False

    def connect(self) -> None:
        sock = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = sock
        if self._is_secure:
            self.sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self.host)

    def break_off(self) -> None:
        """End whatever it is waiting for; called from another thread."""
        self.is_broken_off = True
        sock = self.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
