"""What messages, segments, elements and codes are called: own words, kept in one file for each standard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from waypost.core.errors import Fault
from waypost.core.yamlfile import YamlFile

_SECTIONS = ("messages", "segments", "elements", "codes")


@dataclass(frozen=True, slots=True)
class Labels:
    """Names by message, segment and element, and of codes by element; only the common codes have one."""

    messages: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)
    elements: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def code(self, element: str, value: str) -> str:
        """What a code means; empty where that is not known."""
        return self.codes.get(element, {}).get(value, "")


def read_labels(files: Iterable[YamlFile], faults: list[Fault]) -> Labels:
    """The labels of files; what a later one says goes before what those before it say."""
    labels = Labels({}, {}, {}, {})
    for file in files:
        data = file.data if isinstance(file.data, Mapping) else {}
        for key in data:
            if key not in (*_SECTIONS, "provenance"):
                expected = f"one of {', '.join(_SECTIONS)}"
                faults.append(file.fault((key,), "edi-schema", f"unknown key {key!r}", expected))
        for section in _SECTIONS:
            for key, said in (data.get(section) or {}).items():
                if section == "codes":
                    known = labels.codes.get(key, {})
                    labels.codes[key] = {**known, **{str(k): str(v) for k, v in (said or {}).items()}}  # type: ignore[index]
                else:
                    getattr(labels, section)[key] = str(said)
    return labels
