"""The socket of a listener: loopback unless callers are authenticated."""

from __future__ import annotations

import ipaddress
import socket

from waypost.core.errors import ConfigurationRefused


def bind(host: str, port: int, authenticated: bool, what: str = "http listener") -> socket.socket:
    """A bound socket. ``ConfigurationRefused`` where it would be open to strangers, or is taken."""
    where = f"{what} {host}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigurationRefused(f"{host!r} is no address: {error}", where=where, expected="127.0.0.1") from None
    family, _, _, _, place = found[0]
    if not authenticated and not ipaddress.ip_address(str(place[0])).is_loopback:
        raise ConfigurationRefused(
            f"{host!r} can be reached from other machines and callers are not authenticated",
            where=where,
            expected="a loopback address such as 127.0.0.1",
            remedy="listen on 127.0.0.1 behind a gateway that authenticates",
        )
    bound = socket.socket(family, socket.SOCK_STREAM)
    # asyncio asks for it only where the protocol number is given; without it head and body of an answer wait 40 ms
    # for each other (Nagle's algorithm against delayed acknowledgements). Accepted sockets inherit it.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise ConfigurationRefused(
            f"cannot listen: {error.strerror or error}",
            where=where,
            expected="a free port",
            remedy="stop what uses it, or choose another port",
        ) from None
    return bound


def address_of(bound: socket.socket) -> str:
    """The base URL of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def split_listen(address: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``; port 0 takes a free one. ``ValueError`` says what is wrong.

    >>> split_listen("127.0.0.1:8080"), split_listen("[::1]:0")
    (('127.0.0.1', 8080), ('::1', 0))
    """
    host, colon, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare and not host.startswith("[")):
        raise ValueError("no host and port")
    if not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"port {port!r}")
    return bare, int(port)
