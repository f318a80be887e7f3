"""Where a request comes from. What it says of itself counts only where a proxy of ours says so."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from settings import Network


def origin(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> str:
    """The address, or of IPv6 the network of 64 bits, which is what one client has.

    Each proxy appends to `X-Forwarded-For` whom it was asked by, so the last that is no proxy is believed.
    """
    address = _address(peer)
    for told in reversed(forwarded_for.split(",")):
        if address is None or not any(address in network for network in proxies):
            break
        if (before := _address(told)) is None:
            break
        address = before
    if address is None:
        return peer[:50]
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address
