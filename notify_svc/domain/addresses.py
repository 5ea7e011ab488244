"""Which IP addresses events may be sent to. Pure: no I/O.

Source: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890), and RFC 4291 for the ways in which an
IPv6 address can stand for an IPv4 one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA: tuple[str, ...] = (
    "169.254.169.254/32",  # AWS, Azure, Google, Oracle, IBM, DigitalOcean, Hetzner, OpenStack and others
    "169.254.169.0/24",  # AWS: time, DNS and licences beside it
    "169.254.170.0/24",  # AWS: credentials of containers
    "169.254.0.23/32",  # Tencent
    "169.254.42.42/32",  # Scaleway
    "168.63.129.16/32",  # Azure's agent, at a public address
    "100.100.100.200/32",  # Alibaba
    "192.0.0.192/32",  # Oracle
    "fd00:ec2::/32",  # AWS
    "fd20:ce::254/128",  # Google
    "fd00:c1::a9fe:a9fe/128",  # Oracle
    "fd00:42::42/128",  # Scaleway
    "fe80::a9fe:a9fe/128",  # OpenStack
)
"""Where clouds tell a machine its credentials: refused also where the network around is allowed."""
REFUSED: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "unspecified"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "for documentation"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    # whatever stands inside of these is reached by another name: nobody needs them to be called by
    ("::ffff:0:0/96", "an IPv4 address in IPv6 form"),
    ("::/96", "an IPv4 address in IPv6 form"),
    ("::ffff:0:0:0/96", "an IPv4 address in IPv6 form"),
    ("64:ff9b::/96", "an IPv4 address behind NAT64"),
    ("64:ff9b:1::/48", "an IPv4 address behind NAT64"),
    ("2002::/16", "an IPv4 address behind 6to4"),
    ("2001::/32", "an IPv4 address behind Teredo"),
    ("100::/64", "discarded"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "for documentation"),
    ("3fff::/20", "for documentation"),
    ("5f00::/16", "reserved"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
)
_METADATA = tuple(ip_network(network) for network in METADATA)
_REFUSED = tuple((ip_network(network), why) for network, why in REFUSED)
_UNICAST = ip_network("2000::/3")
_LOOKS_NUMERIC = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)")


@lru_cache(maxsize=4096)
def refusal(address: Address, allowed: tuple[Network, ...] = ()) -> str:
    """Return why nothing is sent to an address; empty when it is public or in one of the `allowed` networks."""
    if any(address in network for network in _METADATA):
        return "a metadata service"
    if any(address in network for network in allowed):
        return ""
    for network, why in _REFUSED:
        if address in network:
            return why
    # beside what is listed, what IANA has not given out for unicast, and what a newer table of Python's knows
    if (address.version == 6 and address not in _UNICAST) or not address.is_global:
        return "reserved"
    return ""


def literal(host: str) -> Address | None:
    """Return the address that a URL's host spells, None for a name.

    Raises:
        ValueError: it is a number in a spelling that some resolvers take for an address (decimal, octal, hexadecimal or
            shortened), or an address with a zone. The URL Standard calls it a host that ends in a number.
    """
    if "%" in host:
        raise ValueError("must not name a zone")
    try:
        return ip_address(host)
    except ValueError:
        if _LOOKS_NUMERIC.fullmatch(host.rpartition(".")[2]):
            raise ValueError("must spell an IPv4 address as four decimal numbers") from None
        return None


def networks(text: str) -> tuple[Network, ...]:
    """Read a comma list of networks. Raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
