"""What an error of PostgreSQL means, by its SQLSTATE (PostgreSQL manual, appendix A)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from waypost.connectors.sql_driver import WriteRefused
from waypost.core.errors import (
    AuthorisationRefused,
    ConfigurationRefused,
    ContractError,
    DataError,
    EndpointTimeout,
    EndpointUnavailable,
    WaypostError,
)

_TRANSIENT = ("40", "53", "55", "57", "58", "08", "25P02", "25P03")
_AUTHORISATION = ("28", "42501")
_CONTRACT = ("23", "44", "P0001")
_DATA = ("21", "22")


@dataclass(slots=True)
class Phase:
    """How far a transaction came: while it commits, a lost connection leaves it in doubt."""

    committing: bool = False


def error_of(error: BaseException, where: str, phase: Phase) -> Exception:
    """``error`` as one of ours; unknown ones come back as they are."""
    if isinstance(error, WaypostError | WriteRefused):
        return error
    import ssl

    import asyncpg

    state = getattr(error, "sqlstate", None)
    if isinstance(error, asyncpg.PostgresError) and state:
        return _by_state(state, _words(error), where, phase)
    if isinstance(error, asyncpg.InternalClientError | asyncpg.exceptions.UnsupportedClientFeatureError):
        return ConfigurationRefused(f"asyncpg says: {error}", where=where)
    if isinstance(error, asyncpg.exceptions.DataError):
        return DataError(f"a value does not fit: {error}", where=where)
    if isinstance(error, ssl.SSLError):
        return ConfigurationRefused(
            f"its certificate is refused: {error}", where=where, expected="a certificate for this host",
            remedy="name the authority with ca_file",
        )  # fmt: skip
    if isinstance(error, asyncio.TimeoutError | OSError | asyncpg.InterfaceError | EOFError):
        return _lost(error, where, phase)
    if isinstance(error, UnicodeEncodeError | ValueError | TypeError):
        return DataError(f"a value does not fit: {error}", where=where)
    return error if isinstance(error, Exception) else EndpointUnavailable(str(error), where=where)


def _lost(error: BaseException, where: str, phase: Phase) -> WaypostError:
    if "rejected SSL" in str(error):
        return ConfigurationRefused(
            "the server does not speak TLS", where=where, remedy="enable it there, or write tls: off"
        )
    cause = str(error) or ("no answer in time" if isinstance(error, asyncio.TimeoutError) else type(error).__name__)
    if phase.committing:
        return EndpointTimeout(f"lost while committing: {cause}", where=where, remedy="it may have been committed")
    return EndpointUnavailable(
        f"cannot be reached: {cause}", where=where, remedy="check that the server runs and can be reached"
    )


def _by_state(state: str, words: str, where: str, phase: Phase) -> WaypostError:
    if state.startswith(_AUTHORISATION):
        return AuthorisationRefused(words, where=where, remedy="check user, password and rights")
    if state.startswith(_CONTRACT):
        return ContractError(
            f"the database refuses the row: {words}", where=where, remedy="mend the message or the table"
        )
    if state.startswith(_DATA):
        return DataError(f"a value does not fit: {words}", where=where, expected="a value of the column's type")
    if state.startswith(_TRANSIENT):
        if phase.committing and (state.startswith(("08", "57")) or state == "40003"):
            return EndpointTimeout(f"lost while committing: {words}", where=where, remedy="it may have been committed")
        return EndpointUnavailable(words, where=where, remedy="it is tried again")
    return ConfigurationRefused(words, where=where, remedy="check database, table and query")


def _words(error: BaseException) -> str:
    """The server's message and hint. Not its detail: that holds the values of the row."""
    hint = getattr(error, "hint", None)
    return f"{getattr(error, 'message', None) or error}{f' ({hint})' if hint else ''}"
