"""Makes the document of a transaction set from its loops, as its grammar's ``document`` says.

A field is one of: ``BEG03``, the element's value, typed by the grammar; ``{text: AK102}``, the same as text;
``{list: [N301, N302]}``, all values of these elements; ``{table: REF01, value: REF02}``, a mapping of the first to
the second; ``{pairs: PO106}``, a mapping of qualifier to value from that element on, ``pick: [SK, VP]`` the value of
the first qualifier there is; ``{rows: AK4, fields: part}``, a document for each segment; ``{each: N1, fields: part}``,
one for each occurrence of a loop, ``first: N1`` one for the first, ``where: {N101: BY}`` of those whose element says
so; ``value: CTT01`` in place of ``fields`` one element of it; ``{each: PID, join: PID05}`` the texts of a loop, ``into:
text`` as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from waypost.formats.edi.check import LoopInstance, Row
from waypost.formats.edi.envelope import iso_date, iso_time
from waypost.formats.edi.schema import Grammar, split_place

Reader = Callable[[LoopInstance], Any]
Convert = Callable[[str], Any]


def compile_view(grammar: Grammar) -> Callable[[LoopInstance], dict[str, Any]]:
    """What turns the loops of a set into its document. Raises ``ValueError`` for a field it does not understand."""
    return _part({name: {"part": fields} for name, fields in grammar.fields.items()}, grammar)


def _part(fields: Mapping[str, Any], grammar: Grammar) -> Callable[[LoopInstance], dict[str, Any]]:
    readers = [(name, _field(how, grammar)) for name, how in fields.items()]
    return lambda loop: {name: read(loop) for name, read in readers}


def _field(how: Any, grammar: Grammar) -> Reader:
    if isinstance(how, str):
        return _value(*grammar.element(how))
    if "text" in how:
        return _value(*split_place(how["text"]), "AN")
    for form, make in _FORMS.items():
        if form in how:
            return make(how, grammar)
    raise ValueError(f"{dict(how)!r} is no form of a field; expected one with {', '.join(_FORMS)}")


def _value(tag: str, number: int, kind: str) -> Reader:
    convert = converter(kind)

    def read(loop: LoopInstance) -> Any:
        rows = loop.segments.get(tag)
        if rows is None or len(rows[0]) <= number:
            return None
        text = rows[0][number]
        return convert(text) if text else None

    return read


def converter(kind: str) -> Convert:
    """How a value of an element type is read; what is none of the type stays text."""
    if kind in ("R", "N0"):
        return _number if kind == "R" else _whole
    if kind[0] == "N" and kind[1:].isdigit():
        places = int(kind[1:])
        return lambda text: _scaled(text, places)
    return {"DT": iso_date, "TM": iso_time}.get(kind, str)


def _number(text: str) -> Decimal | str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return value if value.is_finite() else text


def _whole(text: str) -> int | str:
    return int(text) if len(text) < 400 and text.removeprefix("-").isdecimal() else text


def _scaled(text: str, places: int) -> Decimal | str:
    value = _whole(text)
    return Decimal(value).scaleb(-places) if isinstance(value, int) else text


def _nested(how: Mapping[str, Any], grammar: Grammar) -> Reader:
    return _part(how["part"], grammar)


def _list(how: Mapping[str, Any], grammar: Grammar) -> Reader:
    places = [split_place(place) for place in how["list"]]
    tag = places[0][0]
    numbers = [number for _, number in places]
    return lambda loop: [
        row[n] for row in loop.segments.get(tag, ()) for n in numbers if n < len(row) and row[n]
    ]  # fmt: skip


def _table(how: Mapping[str, Any], grammar: Grammar) -> Reader:
    tag, key = split_place(how["table"])
    _, number, kind = grammar.element(how["value"])
    convert = converter(kind)

    def read(loop: LoopInstance) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for row in loop.segments.get(tag, ()):
            if len(row) > number and row[number]:
                made.setdefault(row[key], convert(row[number]))
        return made

    return read


def _pairs(how: Mapping[str, Any], grammar: Grammar) -> Reader:
    tag, first = split_place(how["pairs"])
    pick = how.get("pick")

    def read(loop: LoopInstance) -> Any:
        rows = loop.segments.get(tag, ())
        row: Row = rows[0] if rows else []
        made = {q: v for q, v in zip(row[first::2], row[first + 1 :: 2], strict=False) if v}
        if pick is None:
            return made
        return next((made[q] for q in pick if q in made), next(iter(made.values()), None))

    return read


def _rows(how: Mapping[str, Any], grammar: Grammar) -> Reader:
    tag, read = how["rows"], _part(grammar.parts[how["fields"]], grammar)
    return lambda loop: [read(LoopInstance({tag: [row]})) for row in loop.segments.get(tag, ())]


def _loops(how: Mapping[str, Any], grammar: Grammar) -> Reader:
    name, one = how.get("each") or how["first"], "first" in how
    where = [(*split_place(place), text) for place, text in how.get("where", {}).items()]
    if "join" in how:
        return _joined(name, *split_place(how["join"]), how.get("into") == "text")
    read = _field(how["value"], grammar) if "value" in how else _part(grammar.parts[how["fields"]], grammar)

    def chosen(loop: LoopInstance) -> list[LoopInstance]:
        found = loop.loops.get(name, [])
        return [i for i in found if all(_says(i, *test) for test in where)] if where else found

    if one:
        return lambda loop: read(found[0]) if (found := chosen(loop)) else None
    return lambda loop: [read(instance) for instance in chosen(loop)]


def _joined(name: str, tag: str, number: int, as_text: bool) -> Reader:
    def read(loop: LoopInstance) -> Any:
        rows = [row for inner in loop.loops.get(name, ()) for row in inner.segments.get(tag, ())]
        texts = [row[number] for row in rows if len(row) > number and row[number]]
        return (" ".join(texts) or None) if as_text else texts

    return read


def _says(loop: LoopInstance, tag: str, number: int, text: str) -> bool:
    rows = loop.segments.get(tag)
    return rows is not None and len(rows[0]) > number and rows[0][number] == text


_FORMS: dict[str, Callable[[Mapping[str, Any], Grammar], Reader]] = {
    "part": _nested, "list": _list, "table": _table, "pairs": _pairs, "rows": _rows, "each": _loops, "first": _loops,
}  # fmt: skip
