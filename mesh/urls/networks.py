"""Addresses and the networks that they may be in."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none.

    An IPv4 address may come in the form that IPv6 has for it (RFC 4291, section 2.5.5.2), and is itself all the same.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def networks_by_name(setting: str) -> dict[str, tuple[Network, ...]]:
    """Read `stripe=3.18.12.63,3.130.192.231;paypal=64.4.240.0/21`.

    Raises ValueError for what is no such list.
    """
    found: dict[str, tuple[Network, ...]] = {}
    for entry in filter(None, (part.strip() for part in setting.split(";"))):
        name, separator, networks = entry.partition("=")
        if not separator or not networks.strip():
            raise ValueError(f"{entry!r} is not `name=network,network`")
        found[name.strip()] = tuple(ip_network(text.strip()) for text in networks.split(","))
    return found
