"""Which addresses webhooks are sent to."""

import socket
from typing import Any

import pytest

from waivern.service.notifications import webhook
from waivern.service.notifications.public_addresses import is_public
from waivern.service.notifications.webhook import DeliveryError, post

NOT_PUBLIC = {
    "this network": ("0.0.0.0", "0.1.2.3"),
    "private": ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00:ec2::254"),
    "shared by a provider's customers": ("100.64.0.1", "100.100.100.200", "100.127.255.255"),
    "loopback": ("127.0.0.1", "127.255.255.254", "::1"),
    "unspecified": ("::",),
    "link-local": ("169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0", "febf::1"),
    "site-local": ("fec0::1", "feff:ffff::1"),
    "protocol assignments": ("192.0.0.8", "192.0.0.9", "192.0.0.170", "192.0.0.192", "2001:1::1", "2001:2::1"),
    "documentation": ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff:fff::1"),
    "special services": ("192.31.196.1", "192.52.193.1", "192.175.48.1", "2620:4f:8000::1", "3ffe::1"),
    "relays and benchmarks": ("192.88.99.1", "198.18.0.1", "198.19.255.255"),
    "multicast": ("224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"),
    "reserved and broadcast": ("240.0.0.1", "255.255.255.255", "4000::1", "5f00::1", "e000::1"),
    "the host of a virtual machine": ("168.63.129.16",),
    "discard": ("100::1", "100:0:0:1::1"),
    "IPv4-mapped": ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8"),
    "IPv4-compatible": ("::127.0.0.1", "::10.0.0.1", "::8.8.8.8"),
    "IPv4-translated": ("::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"),
    "NAT64 of what is not public": ("64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254"),
    "local NAT64": ("64:ff9b:1::1", "64:ff9b:1::8.8.8.8", "64:ff9b:1:ffff::1"),
    "6to4 and Teredo": ("2002:7f00:1::", "2002:808:808::1", "2001::1", "2001:0:808:808::1"),
}
PUBLIC = ("8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1", "2a00::1")


@pytest.mark.parametrize("kind", NOT_PUBLIC)
def test_special_purpose_addresses_are_not_public(kind: str) -> None:
    assert [address for address in NOT_PUBLIC[kind] if is_public(address)] == []


def test_other_addresses_are_public_even_behind_nat64() -> None:
    assert [address for address in (*PUBLIC, "64:ff9b::8.8.8.8") if not is_public(address)] == []


def test_the_address_that_was_checked_is_the_one_that_is_contacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server may answer a second question differently: DNS rebinding."""
    answers = [("93.184.215.14", 80), ("127.0.0.1", 80)]
    contacted: list[Any] = []

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        assert host == "rebinding.example.org"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", answers.pop(0))]

    def connect(address: Any, *_: Any) -> socket.socket:
        contacted.append(address)
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(webhook.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(webhook.socket, "create_connection", connect)
    with pytest.raises(DeliveryError, match="refused"):
        send("http://rebinding.example.org/hook")
    assert contacted == [("93.184.215.14", 80)]
    with pytest.raises(DeliveryError, match="not a public address"):
        send("http://rebinding.example.org/hook")
    assert len(contacted) == 1


def send(url: str) -> None:
    post(url, b"{}", message_id="m", timestamp=1, secret=None, timeout_s=5, allow_private=False)
