"""Every error Waypost raises on purpose; the class decides what happens next.

::

    WaypostError
    ├── UsageError                 the command was called wrongly            exit 2
    ├── ProjectError               the project has faults, all listed        refuse to start
    ├── MessageError               one message cannot go on
    │   ├── DataError              its content is at fault                   dead letter, first attempt
    │   │   └── AgreementError     no agreement with a partner covers it     parked
    │   ├── ContractError          the other side understood and refused it  dead letter, first attempt
    │   └── BugError               Waypost or a project step broke a promise parked
    ├── EndpointError              an outside system
    │   ├── EndpointUnavailable    it cannot be reached or answers 5xx       retry, circuit
    │   ├── EndpointTimeout        no answer in time; it may have happened   retry, in doubt
    │   ├── AuthorisationRefused   it does not accept who we are             park, circuit
    │   └── ConfigurationRefused   our settings can never work there         stop the flow
    └── StoreError                 the message store
        ├── StoreLocked            another process owns it                   refuse to start
        ├── StoreDamaged           bytes are not what was written            refuse, name the place
        ├── StoreTooNew            written by a later format                 refuse to start
        ├── StoreFull              no room left                              stop accepting
        └── CommitFailed           a write or sync failed; may be durable    the shard exits

Texts follow one form: ``where: what was found; what was expected; what to do``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class ErrorClass(StrEnum):
    """What kind of failure it is, decided once, where it arises."""

    TRANSIENT = "transient"
    DATA = "data"
    CONTRACT = "contract"
    AUTHORISATION = "authorisation"
    CONFIGURATION = "configuration"
    BUG = "bug"


class WaypostError(Exception):
    """Something Waypost refuses, with its place, cause, expectation and remedy."""

    code: str = "waypost"
    error_class: ClassVar[ErrorClass] = ErrorClass.BUG

    def __init__(self, found: str, *, where: str = "", expected: str = "", remedy: str = "") -> None:
        self.where, self.found, self.expected, self.remedy = where, found, expected, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        said = "; ".join(
            part for part in (self.found, self.expected and f"expected {self.expected}", self.remedy) if part
        )
        return f"{self.where}: {said}" if self.where else said


class UsageError(WaypostError):
    """The command was called in a way it does not understand."""

    code = "usage"
    error_class = ErrorClass.CONFIGURATION


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One mistake in a project file. ``line`` counts from 1; 0 means the file as a whole."""

    file: str
    line: int
    code: str
    found: str
    expected: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        said = "; ".join(p for p in (self.found, self.expected and f"expected {self.expected}", self.remedy) if p)
        return f"{place}: {said} [{self.code}]"


class ProjectError(WaypostError):
    """The project has faults; every one of them is listed."""

    code = "project"
    error_class = ErrorClass.CONFIGURATION

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: Sequence[Fault] = tuple(sorted(faults))
        super().__init__("\n".join(map(str, self.faults)))


class MessageError(WaypostError):
    """One message cannot go on; others are not affected."""

    code = "message"
    error_class = ErrorClass.DATA


class DataError(MessageError):
    """The content of the message is at fault; trying again cannot help.

    ``code`` says which fault it is (``json-syntax``, ``csv-ragged``); ``details`` lists each fault as plain JSON data
    where a program must act on them (the codes of an acknowledgement).
    """

    code = "data"

    def __init__(
        self, found: str, *, where: str = "", expected: str = "", remedy: str = "", code: str = "",
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:  # fmt: skip
        if code:
            self.code = code
        self.details = tuple(details)
        super().__init__(found, where=where, expected=expected, remedy=remedy)


class AgreementError(DataError):
    """No agreement with a trading partner covers the message: its sender is not known, it is a test in production, or
    its type was not agreed. It is parked until a person corrects the agreement or has the partner correct it."""

    code = "agreement"
    error_class = ErrorClass.CONFIGURATION


class ContractError(MessageError):
    """The other side understood the message and refused it."""

    code = "contract"
    error_class = ErrorClass.CONTRACT


class BugError(MessageError):
    """Waypost or a step of the project broke a promise; the message is parked for a person."""

    code = "bug"
    error_class = ErrorClass.BUG


class EndpointError(WaypostError):
    """An outside system failed us."""

    code = "endpoint"
    error_class = ErrorClass.TRANSIENT


class EndpointUnavailable(EndpointError):
    """The system cannot be reached, or says it cannot serve now. Nothing happened there."""

    code = "endpoint-unavailable"


class EndpointTimeout(EndpointError):
    """No answer came in time. It may have happened there: the delivery is in doubt."""

    code = "endpoint-timeout"


class AuthorisationRefused(EndpointError):
    """The system does not accept who we are."""

    code = "authorisation"
    error_class = ErrorClass.AUTHORISATION


class ConfigurationRefused(EndpointError):
    """Our settings can never work against this system."""

    code = "configuration"
    error_class = ErrorClass.CONFIGURATION


class StoreError(WaypostError):
    """The message store cannot do what was asked."""

    code = "store"


class StoreLocked(StoreError):
    """Another process owns the store."""

    code = "store-locked"


class StoreDamaged(StoreError):
    """Stored bytes are not what was written; the place is named."""

    code = "store-damaged"


class StoreTooNew(StoreError):
    """The store was written in a later format than this program reads."""

    code = "store-too-new"


class StoreFull(StoreError):
    """The disk has no room left; nothing more is accepted."""

    code = "store-full"


class CommitFailed(StoreError):
    """A write or sync of the journal failed. It may be durable all the same: only reopening decides."""

    code = "commit-failed"


def near(name: str, known: Iterable[str]) -> str:
    """The remedy naming the closest known name, or '' when none is close.

    >>> near("conection", ["connection", "path"])
    "did you mean 'connection'?"
    """
    close = nearest(name, known)
    return f"did you mean {close!r}?" if close else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """The closest known name, or '' when none is close."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), "")
