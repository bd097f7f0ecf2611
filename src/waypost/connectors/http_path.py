"""Paths with ``{placeholders}``: values are percent-encoded whole, so no value can leave its segment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from waypost.core.errors import DataError
from waypost.core.spec import OptionFault

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_PLAIN = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/%?]*")


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path such as ``/orders/{keys.po}?view=full``."""

    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """What is filled in, in order."""
        return tuple(_PLACEHOLDER.findall(self.text))

    def faults(self, option: str, known: Callable[[str], bool] | None = None) -> Iterator[OptionFault]:
        """What is wrong with it. ``known`` says whether a name can be filled in."""
        rest = _PLACEHOLDER.sub("", self.text)
        if not self.text.startswith("/") or self.text.startswith("//") or not _PLAIN.fullmatch(rest):
            yield OptionFault(
                option, f"found {self.text!r}", "a path that begins with one /, anything special percent-encoded"
            )
        if any(part in (".", "..") for part in self.text.partition("?")[0].split("/")):
            yield OptionFault(option, f"found {self.text!r}", "a path without . and .. segments")
        for name in self.names:
            if not _NAME.fullmatch(name) or (known is not None and not known(name)):
                yield OptionFault(
                    option, f"unknown placeholder {{{name}}}", "{keys.NAME}, {message_id}, {idempotency_key}"
                )

    def fill(self, value_of: Callable[[str], str | None]) -> str:
        """The path with each placeholder replaced. ``DataError`` where a value is missing, empty, or ``.``/``..``,
        which would mean another path."""

        def put_in(match: re.Match[str]) -> str:
            name = match[1]
            value = value_of(name)
            if value is None or value in ("", ".", ".."):
                found = "no value" if value is None else f"{value!r}"
                raise DataError(
                    f"{found} for {{{name}}}",
                    where=f"path {self.text}",
                    expected="a text that names one thing",
                    code="path-value",
                )
            return quote(value, safe="", errors="replace")

        return _PLACEHOLDER.sub(put_in, self.text) if "{" in self.text else self.text
