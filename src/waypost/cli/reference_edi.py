"""The reference page of the EDI schemas that come along, made from them."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from waypost.core.describe.page import NOTICE, joined, markdown, table

_STANDARDS = {"x12": "X12", "edifact": "UN/EDIFACT"}


def schemas_page() -> str:
    """Every message with the versions and guides there are of it, and how schema files are written."""
    parts = [
        NOTICE, "# EDI schemas that come along",
        "`waypost edi check` takes the schema of the version and guide a message names; a version that is not here is "
        "checked by the nearest one, with a notice. `--schema` takes any of these names or a file of your own.",
        "They hold facts, such as order, repetition, types and lengths, in our own words: no text of X12 or of the "
        "United Nations, and of code lists only what is short or often met. Where a schema says what it is from, it is "
        "its `provenance`.",
    ]  # fmt: skip
    for standard, title in _STANDARDS.items():
        parts += [f"## {title}", table(["message", "what it is", "schemas"], list(_rows(standard)))]
    parts += ["## How a schema file is written", *map(_said, _modules())]
    return joined(parts)


def _rows(standard: str) -> Iterator[list[str]]:
    from waypost.formats.edi.schema.load import library

    found: dict[str, list[str]] = {}
    for name in library().names():
        if name.startswith(f"{standard}/"):
            found.setdefault(name.rpartition("/")[2], []).append(f"`{name}`")
    labels = library().labels(standard).messages
    for message, names in sorted(found.items()):
        yield [message, labels.get(message, ""), ", ".join(names)]


def _modules() -> list[ModuleType]:
    from waypost.formats.edi.schema import load, narrow, notation, overlay, rule

    return [load, notation, overlay, narrow, rule]


def _said(module: ModuleType) -> str:
    return markdown((module.__doc__ or "").strip())


def redaction_page() -> str:
    """What is replaced when a file is redacted: element, treatment and category, as the declarations say."""
    from waypost.formats.edi.redact.policy import CATEGORIES, KEEPABLE

    parts = [
        NOTICE, "# What redaction replaces",
        "`waypost edi redact` and the step `redact` replace the values of these elements. The letter is that of the "
        "identifiers in 45 CFR 164.514(b)(2)(i). An element is named by its number in the data dictionary, or by its "
        "place; a qualifier in the column *where* says it for values that stand behind that qualifier.",
        "An element that is not here is masked, unless it is a code of up to three characters, a value of a closed "
        "list of its schema, a number that measures, a count of up to six digits, or a time of day. What is *kept if "
        "like* a pattern is masked where it is not. Segments that no schema knows, binary data and bytes outside "
        "interchanges are masked whole.",
        f"`--keep` leaves as they are: {', '.join(f'`{word}`' for word in KEEPABLE)}. Providers, payers and partners "
        "are parties by the qualifier of the segment that opens their loop.",
        table(["category", "identifiers"], [[letter, words] for letter, words in CATEGORIES.items()]),
    ]  # fmt: skip
    for standard, title in _STANDARDS.items():
        parts += [f"## {title}", table(["element", "where", "becomes", "category", "kept by"],
                                       list(_treatments(standard)))]  # fmt: skip
    return joined(parts)


def _treatments(standard: str) -> Iterator[list[str]]:
    from waypost.formats.edi.redact.policy import policy
    from waypost.formats.edi.schema.load import library

    declared = policy(standard)
    names = library().labels(standard).elements
    for place, qualifier, said in declared.declared() if declared else ():
        kept = f"kept if like `{said.like}`".replace("|", "\\|") if said.like else "kept"
        becomes = kept if said.makes == "keep" else said.makes
        name = f" {names[place]}" if place in names else ""
        keep = f"`{said.group}`" if said.group else ""
        yield [f"`{place}`{name}", f"`{qualifier}`" if qualifier else "", becomes, said.category, keep]
