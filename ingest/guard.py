"""The guard against server-side request forgery: which addresses a poll may connect to.

It is asked at *connect*, once for each socket, so that redirects, literal addresses and DNS that changes its answer
are covered as well; a guard in the resolver alone would miss literal addresses.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's special-purpose registries (RFC 6890 and successors): stated here because ``is_global`` differs by Python
# version and calls multicast, 6to4 relays and NAT64 global.
_REFUSED_4 = tuple(
    IPv4Network(n)
    for n in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_GLOBAL_6 = IPv6Network("2000::/3")
_REFUSED_6 = tuple(IPv6Network(n) for n in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(OSError):
    """The address is private or otherwise special; says how to allow it."""


def refusal(address: str, allowed: Sequence[Network]) -> str | None:
    """Why ``address`` may not be connected to, in one line with the fix; None when it may."""
    ip = ip_address(address.partition("%")[0])
    inner = _embedded(ip)
    if any(a.version == n.version and a in n for a in (ip, inner) for n in allowed):
        return None
    if not (_is_special(ip) if inner == ip else _is_special(inner)):
        return None
    return (
        f"the address {ip} is private or special and is not polled; "
        f'to allow it, set ingest.allow_networks = ["{_network_to_allow(inner)}"]'
    )


def socket_factory(allowed: Sequence[Network]) -> Callable[[tuple[Any, ...]], socket.socket]:
    """A ``socket_factory`` for aiohttp's ``TCPConnector`` that raises ``AddressRefused`` before it connects."""

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        if why := refusal(str(address[0]), allowed):
            raise AddressRefused(why)
        return socket.socket(family, kind, protocol)

    return make


def _embedded(ip: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, NAT64, 6to4), else the address itself."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip.ipv4_mapped:
        return ip.ipv4_mapped
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.sixtofour or ip


def _is_special(ip: Address) -> bool:
    if isinstance(ip, IPv4Address):
        return any(ip in n for n in _REFUSED_4)
    return ip not in _GLOBAL_6 or any(ip in n for n in _REFUSED_6)


def _network_to_allow(ip: Address) -> Network:
    return IPv4Network("127.0.0.0/8") if ip in IPv4Network("127.0.0.0/8") else ip_network(ip)
