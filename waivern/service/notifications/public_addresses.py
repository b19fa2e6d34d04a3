"""Which IP addresses a webhook may be sent to: those of the public internet, and no others.

Sources: the IANA registries of special-purpose IPv4 and IPv6 addresses, and of IPv6 global unicast allocations.
"""

import ipaddress

_IPV4_SPECIAL = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # the host of a virtual machine on Azure, by its documentation; no registry lists it
    )
)
_IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")
_IPV6_SPECIAL = tuple(
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Where networks without IPv4 reach it (RFC 6052): such an address is as public as the IPv4 address in it."""


def is_public(address: str) -> bool:
    """Return whether an address belongs to the public internet.

    Of IPv6, everything outside the block for global unicast is refused, such as IPv4-mapped, IPv4-translated,
    site-local and local NAT64 addresses; within it 6to4, Teredo and documentation addresses are.

    Args:
        address: An IP address as `getaddrinfo` returns it, perhaps with a zone (`fe80::1%eth0`).

    Raises:
        ValueError: it is not an IP address.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return _is_public_ipv4(parsed)
    if parsed in _NAT64:
        return _is_public_ipv4(ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF))
    is_unicast = parsed in _IPV6_UNICAST and not any(parsed in network for network in _IPV6_SPECIAL)
    return is_unicast and parsed.is_global


def _is_public_ipv4(address: ipaddress.IPv4Address) -> bool:
    return address.is_global and not any(address in network for network in _IPV4_SPECIAL)
