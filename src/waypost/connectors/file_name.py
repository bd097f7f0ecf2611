"""Names of files: made from a message by a template, read back into keys by a pattern.

Values that come from a message are foreign text: what has a meaning in a path is written as ``%2F``, so that two
different values never make one name and none leaves its folder.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from waypost.core.calendar import zone_of
from waypost.core.component import Outbound
from waypost.core.errors import ConfigurationRefused, ContractError, DataError
from waypost.core.message import id_text

MAX_NAME_BYTES = 200
"""Below the 255 of every usual file system, with room for the temporary name around it."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_FIELD = re.compile(r"id|key|keys\.[^:{}]+|date(?::[^{}]+)?|counter(?::0?[0-9]{1,2}d?)?|flow|target|extension")
_MEANINGFUL = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%\ud800-\udfff]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
_SHARED = frozenset({"flow", "target", "extension", "date"})
"""The fields that are the same for messages of one type and second."""
FIELDS = "{id}, {key}, {keys.NAME}, {date:%Y%m%d}, {counter:06d}, {flow}, {target}, {extension}"

EXTENSIONS: Mapping[str, str] = {
    "application/json": ".json", "application/x-ndjson": ".ndjson", "application/xml": ".xml", "text/xml": ".xml",
    "text/csv": ".csv", "text/plain": ".txt", "application/edi-x12": ".edi", "application/edifact": ".edi",
    "application/hl7-v2": ".hl7", "text/html": ".html", "application/pdf": ".pdf",
}  # fmt: skip
CONTENT_TYPES: Mapping[str, str] = {
    ".json": "application/json", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson",
    ".xml": "application/xml", ".csv": "text/csv", ".txt": "text/plain", ".hl7": "application/hl7-v2",
}  # fmt: skip


class WhenExists(StrEnum):
    """What happens when another message already made a file of that name."""

    REFUSE = "refuse"
    REPLACE = "replace"


def name_taken(place: str) -> ContractError:
    """What a message is refused with whose name another one has."""
    return ContractError(
        "a file of that name holds another message", where=place,
        remedy="put {id} into 'name', or set when_exists: replace",
    )  # fmt: skip


def extension_of(content_type: str) -> str:
    """The usual ending of a file of that type; ``.bin`` where there is none.

    >>> extension_of("application/json; charset=utf-8")
    '.json'
    """
    return EXTENSIONS.get(content_type.partition(";")[0].strip().lower(), ".bin")


def safe_value(text: str) -> str:
    """``text`` as a part of a name: without meaning in any path, and different for different texts.

    >>> safe_value("../etc/passwd")
    '..%2Fetc%2Fpasswd'
    """
    return _MEANINGFUL.sub(_percent, text) if _MEANINGFUL.search(text) else text


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


def safe_name(name: str) -> str:
    """``name`` as a name every file system takes and no poller overlooks: no dot in front, no dot or blank behind,
    no device name, at most 200 bytes (a longer one ends in a digest of the whole).

    >>> safe_name(".hidden")
    '%2Ehidden'
    """
    if name[:1] in ("", ".") or _RESERVED.match(name):
        name = f"%{ord(name[0]):02X}{name[1:]}" if name else "%"
    if name[-1] in ". ":
        name = f"{name[:-1]}%{ord(name[-1]):02X}"
    if len(name) > MAX_NAME_BYTES or len(name.encode()) > MAX_NAME_BYTES:
        digest = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
        stem, dot, extension = name.rpartition(".")
        ending = f"~{digest}" + (f".{extension}" if dot and len(extension.encode()) <= 16 else "")
        name = (stem or name).encode()[: MAX_NAME_BYTES - len(ending.encode())].decode("utf-8", "ignore") + ending
    return name


def temporary_name(name: str, idempotency_key: str) -> str:
    """The name a file has until it is whole: the same at every try, and none that a poller reads."""
    return f".{name}.{hashlib.blake2b(idempotency_key.encode(), digest_size=8).hexdigest()}.tmp"


def namesakes(path: str, mark: str) -> list[str]:
    """The names to try in turn for ``path`` where none may be replaced, the same at every try.

    >>> namesakes("done/a.edi", "17")[:2]
    ['done/a.edi', 'done/a~17.edi']
    """
    stem, extension = posixpath.splitext(path)
    return [path, *(f"{stem}~{mark}{more}{extension}" for more in ("", "-2", "-3"))]


def raw_name(name: str) -> bytes:
    """The bytes of a name as they are on the disk; names need not be UTF-8."""
    return name.encode("utf-8", "surrogateescape")


def printable_name(name: str) -> str:
    """``name`` as it can be stored and shown: bytes that are not UTF-8 become ``\\xe4``."""
    return name if name.isascii() else raw_name(name).decode("utf-8", "backslashreplace")


Maker = Callable[[Outbound], str]


class NameTemplate:
    """Makes the name of a message: equal messages get equal names, at every try."""

    def __init__(self, text: str, *, flow: str, target: str, zone: str = "UTC", lines: bool = False) -> None:
        self._flow, self._target, self._zone, self._lines = flow, target, zone_of(zone), lines
        fields = _PLACEHOLDER.findall(text)
        self.unique = any(field == "id" or field.startswith("counter") for field in fields)
        """Whether two messages never share a name."""
        self._literals = _PLACEHOLDER.split(text)[::2]
        self._makers = [self._maker(field) for field in fields]
        self._shared = all(field.partition(":")[0] in _SHARED for field in fields)
        self._dated = any(field.partition(":")[0] == "date" for field in fields)
        self._made: tuple[str, int, str] = ("", -1, "")

    def name_of(self, message: Outbound) -> str:
        """The name. ``DataError`` where the message lacks what the template asks for."""
        content_type, second = message.content_type, message.received_at // 1_000_000
        if self._shared:
            made = self._made
            if made[1] == second and made[0] == content_type:
                return made[2]
        parts = [self._literals[0]]
        for maker, literal in zip(self._makers, self._literals[1:], strict=True):
            parts += (maker(message), literal)
        name = safe_name("".join(parts))
        if self._shared:
            self._made = (content_type, second, name)
        return name

    def shared_name(self, batch: Sequence[Outbound]) -> str | None:
        """The one name of a whole batch; None where its messages have to be asked one by one."""
        if not self._shared or len({message.content_type for message in batch}) != 1:
            return None
        if self._dated and len({message.received_at // 1_000_000 for message in batch}) != 1:
            return None
        return self.name_of(batch[0])

    def _maker(self, field: str) -> Maker:
        word, _, detail = field.partition(":")
        if word.startswith("keys."):
            return _key_maker(word[5:])
        makers: dict[str, Maker] = {
            "id": lambda message: id_text(message.message_id),
            "key": _ordering_key,
            "flow": lambda message: safe_value(self._flow),
            "target": lambda message: safe_value(self._target),
            "extension": lambda message: self._extension(message.content_type),
            "date": self._date_maker(detail or "%Y%m%d"),
            "counter": _counter_maker(detail.rstrip("d") or "d"),
        }
        return makers[word]

    def _extension(self, content_type: str) -> str:
        extension = extension_of(content_type)
        return ".ndjson" if self._lines and extension == ".json" else extension

    def _date_maker(self, pattern: str) -> Maker:
        @lru_cache(maxsize=4)
        def written(second: int) -> str:
            return safe_value(datetime.fromtimestamp(second, UTC).astimezone(self._zone).strftime(pattern))

        return lambda message: written(message.received_at // 1_000_000)


def template_faults(text: str) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a template: found, expected, remedy."""
    for field in _PLACEHOLDER.findall(text):
        if not _FIELD.fullmatch(field):
            yield f"found {{{field}}}", f"one of {FIELDS}", ""
    literal = _PLACEHOLDER.sub("", text)
    if not text:
        yield "found an empty name", "a name such as {id}.json", ""
    if "{" in literal or "}" in literal:
        yield f"found a brace without its partner in {text!r}", f"placeholders such as {FIELDS}", ""
    if "/" in literal or "\0" in literal:
        yield f"found a '/' in {text!r}", "the name of one file", "put the folder into 'path'"


def _ordering_key(message: Outbound) -> str:
    if not message.ordering_key:
        raise DataError("the message has no ordering key", where="name", remedy="set delivery.order_by, or use {id}")
    return safe_value(message.ordering_key)


def _key_maker(name: str) -> Maker:
    def made(message: Outbound) -> str:
        value = message.keys.get(name, "")
        if not value:
            known = ", ".join(message.keys) or "none"
            raise DataError(f"the message has no key {name!r}", where="name", expected=f"one of its keys: {known}")
        return safe_value(value)

    return made


def _counter_maker(width: str) -> Maker:
    def made(message: Outbound) -> str:
        if message.sequence <= 0:
            raise ConfigurationRefused(
                "{counter} needs numbered deliveries and this one has no number", where="name", remedy="use {id}"
            )
        return format(message.sequence, width)

    return made


class NamePattern:
    """Reads keys out of a name: ``{partner}_{po}.edi``. Each placeholder takes as little as it can, ``*`` anything."""

    def __init__(self, text: str) -> None:
        parts = _PLACEHOLDER.split(text)
        pattern = "".join(
            f"(?P<{part}>.+?)" if index % 2 else re.escape(part).replace(r"\*", ".*")
            for index, part in enumerate(parts)
        )
        self._pattern = re.compile(pattern, re.DOTALL)

    def keys_of(self, name: str) -> dict[str, str]:
        """The keys in ``name``; none when it does not fit."""
        match = self._pattern.fullmatch(name)
        return match.groupdict() if match else {}


def pattern_faults(text: str) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a pattern: found, expected, remedy."""
    fields = _PLACEHOLDER.findall(text)
    for field in fields:
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", field):
            yield f"found {{{field}}}", "a key's name of small letters, digits and _", ""
        elif fields.count(field) > 1:
            yield f"found {{{field}}} twice", "each key once", ""
            return
    if not fields:
        yield f"found {text!r}", "a pattern such as {partner}_{po}.edi", ""
