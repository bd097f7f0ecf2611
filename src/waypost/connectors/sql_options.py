"""Where a SQL database is and how it is reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from waypost.core.spec import Duration, Option, OptionFault, Secret

_CONNECT, _STATEMENT = Duration(5), Duration(30)
ADDRESS_FORMS = (
    "sqlite:///data/erp.db (in the project), sqlite:////absolute/path.db, or postgresql://host:5432/database"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlConnectionOptions:
    address: Annotated[
        str,
        Option(
            "sqlite:///PATH, relative to the project, or postgresql://HOST:PORT/DATABASE.", example="sqlite:///erp.db"
        ),
    ]
    user: Annotated[str, Option("User of the database server.")] = ""
    password: Annotated[Secret | None, Option("Password of that user.")] = None
    pool: Annotated[int, Option("Most connections to a server at once.", minimum=1, maximum=200)] = 4
    connect_seconds: Annotated[Duration, Option("Longest wait for a connection.", minimum=0.01)] = _CONNECT
    timeout_seconds: Annotated[Duration, Option("Longest run of one statement.", minimum=0.01)] = _STATEMENT
    tls: Annotated[
        Literal["", "verify", "off"], Option("Encryption to a server; verify unless it is on this machine.")
    ] = ""
    ca_file: Annotated[
        str, Option("PEM file of the authorities to trust in place of the system's, relative to the project.")
    ] = ""

    def faults(self) -> Iterator[OptionFault]:
        parts = parsed(self.address)
        if parts is None:
            yield OptionFault("address", f"found {self.address.split('?')[0]!r}", ADDRESS_FORMS)
        elif parts.username or parts.password:
            yield OptionFault(
                "address", "a user or password in the address", ADDRESS_FORMS, "use the options user, password"
            )
        elif parts.scheme == "sqlite" and (self.user or self.password):
            yield OptionFault("user", "a user for SQLite", "no user: file permissions decide")
        elif parts.scheme == "postgresql" and not self.user:
            yield OptionFault("user", "no user", "the user to log in as")


def parsed(address: str) -> SplitResult | None:
    """The parts of an address of ours; None for anything else, also for options behind a ``?``."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    path = unquote(parts.path)
    if parts.query or parts.fragment or port == 0 or "?" in address or "#" in address or "\0" in path:
        return None
    if parts.scheme == "sqlite" and not parts.netloc and len(path) > 1 and not path.endswith("/"):
        return parts
    if parts.scheme == "postgresql" and parts.hostname and len(path) > 1 and "/" not in path[1:]:
        return parts
    return None
