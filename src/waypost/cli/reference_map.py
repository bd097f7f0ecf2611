"""The reference pages of the mapping language, made from its declarations."""

from __future__ import annotations

from waypost.core.describe.page import NOTICE, code, joined, markdown, table

_GROUPS = {
    "text": "Text", "number": "Numbers", "date": "Date and time", "collection": "Lists and mappings",
    "reference": "Reference data", "code": "Lookups, code lists, hashing, masking",
}  # fmt: skip
_SPECIAL = [
    ["`default(value, instead, …)`", "The first of the values that is not missing.", "`default(None, 2)` is `2`"],
    ["`exists(value)`", "Whether the value is not missing.", "`exists(None)` is `False`"],
]


def functions_page() -> str:
    """Every function of expressions by its group, with its examples, which a test runs."""
    from waypost.mapping.function import FUNCTIONS

    parts = [
        NOTICE, "# Functions of expressions",
        "Expressions know these functions and no others. `[x]` may be left out; a function gives a missing result for "
        "a missing first value unless it says otherwise. The examples are executed by the tests; `sample` is a lookup "
        "file with the columns code, name and iso; as reference data it has the columns name and weight.",
        "## Looked at first", table(["function", "what it gives", "example"], _SPECIAL),
    ]  # fmt: skip
    for group, title in _GROUPS.items():
        rows = []
        for function in sorted(FUNCTIONS.values(), key=lambda each: each.name):
            if function.group == group:
                signature = function.signature
                if function.looks:
                    word = "TABLE" if function.needs == "reference" else "LOOKUP"
                    signature = signature.replace("(", f"('{word}', ", 1)
                shown = "<br>".join(f"`{text}` is `{result}`" for text, result in function.examples)
                rows.append([f"`{signature}`", " ".join(function.summary.split()), shown.replace("|", "\\|")])
        parts += [f"## {title}", table(["function", "what it gives", "examples"], rows)]
    return joined(parts)


def map_page() -> str:
    """What a map document may say, from the text at the head of its definition."""
    import waypost.mapping.document as document

    head, _, rest = (document.__doc__ or "").partition("::\n\n")
    shown, text = [], rest.split("\n")
    while text and (not text[0].strip() or text[0].startswith("  ")):
        shown.append(text.pop(0)[2:])
    parts = [NOTICE, "# Map documents", markdown(head), code("yaml", "\n".join(shown).strip("\n"))]
    return joined([*parts, markdown("\n".join(text)), "Functions: [functions.md](functions.md)."])
