"""Keeps outgoing HTTP away from addresses that hand out a machine's credentials, whatever spelling leads there.

Link-local and cloud metadata addresses are refused before and after name resolution, so neither a decimal, octal,
IPv4-mapped, 6to4 or NAT64 form nor a name that resolves there gets through. Redirects are not followed, so an answer
cannot lead there either. Loopback and private networks are allowed: the systems of an installation live there.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from waypost.core.errors import ConfigurationRefused

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_DENIED = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",  # link-local, metadata of AWS, Azure, Google, OpenStack
            "fe80::/10",  # link-local
            "fd00:ec2::254/128",  # AWS metadata over IPv6
            "fd20:ce::254/128",  # Google metadata over IPv6
            "100.100.100.200/32",  # Alibaba metadata
            "192.0.0.192/32",  # Oracle metadata
            "168.63.129.16/32",  # Azure's platform address
        ),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def is_denied(text: str) -> bool:
    """Whether an IP address leads to metadata, written in whatever way a resolver takes; False for a name.

    >>> is_denied("::ffff:169.254.169.254"), is_denied("127.0.0.1")
    (True, False)
    """
    ip = _parse(text.strip("[]").partition("%")[0])
    return ip is not None and any(form in network for form in _forms(ip) for network in _DENIED)


def _parse(text: str) -> _Ip | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))  # 2852039166, 0xa9fea9fe, 0251.0376.43518
    except (OSError, UnicodeEncodeError):
        return None


def _forms(ip: _Ip) -> list[_Ip]:
    forms: list[_Ip] = [ip]
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64 or ip in _COMPATIBLE:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        forms += [form for form in inner if form is not None]
    return forms


def denied(host: str, found: str) -> ConfigurationRefused:
    """The refusal of a host that leads to a denied address."""
    return ConfigurationRefused(
        f"{host!r} leads to {found}, where machines get credentials",
        where="http connection",
        expected="the address of a system",
        remedy="correct the address",
    )


def guarded_resolver() -> AbstractResolver:
    """aiohttp's resolver, refusing names that resolve to a denied address."""
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.resolver import ThreadedResolver

    class GuardedResolver(AbstractResolver):
        def __init__(self) -> None:
            self._inner = ThreadedResolver()

        async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
            results = await self._inner.resolve(host, port, family)  # type: ignore[arg-type]
            for result in results:
                if is_denied(result["host"]):
                    raise denied(host, result["host"])
            return results

        async def close(self) -> None:
            await self._inner.close()

    return GuardedResolver()
