"""Lineage as a picture (SVG): the fields of the input left, the rules of each step between, the target right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

_ROW, _BOX, _GAP, _TOP = 34, 24, 90, 64
_CHARACTER, _PAD, _MOST = 7.3, 10, 46
_STYLE = """
text { font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, monospace; fill: #1b1f24 }
.title { font: bold 16px system-ui, 'DejaVu Sans', sans-serif }
.head { font: bold 12px system-ui, 'DejaVu Sans', sans-serif; fill: #57606a }
.note { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #57606a }
rect { rx: 4; stroke: #8c959f; fill: #fff } .source { fill: #ddf4ff } .rule { fill: #fff8c5 } .value { fill: #dafbe1 }
.outside { fill: #fbefff } .opaque { fill: #ffebe9; stroke-dasharray: 4 3 }
path { fill: none; stroke: #57606a; stroke-width: 1.4 } .decides { stroke: #8c959f; stroke-dasharray: 4 4 }
"""
Key = tuple[Any, ...]


@dataclass(slots=True)
class _Node:
    text: str
    kind: str
    column: int
    full: str = ""
    x: float = 0
    y: float = 0
    width: float = 0


@dataclass(slots=True)
class _Drawing:
    """The boxes of one way and the lines between them (from, to → whether one of them carries a value)."""

    nodes: dict[Key, _Node] = field(default_factory=dict)
    lines: dict[tuple[Key, Key], bool] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)

    def node(self, key: Key, text: str, kind: str, column: int) -> Key:
        short = text if len(text) <= _MOST else text[: _MOST - 1] + "…"
        self.nodes.setdefault(key, _Node(short, kind, column, text))
        return key

    def line(self, start: Key, end: Key, value: bool) -> None:
        self.lines[start, end] = self.lines.get((start, end), False) or value


def picture(answer: Mapping[str, Any]) -> str:
    """The picture of what ``waypost lineage --json`` gives: one part for each target, one below the other."""
    subject = answer.get("flow") or f"message {answer['message']['id']}"
    parts: list[str] = []
    width, y = 400.0, 52.0
    for target in answer["targets"]:
        drawing = _drawing(target)
        right, bottom = _place(drawing, y)
        parts += [f'<text class="title" x="20" y="{y:.0f}">{escape(_title(target))}</text>', *_shown(drawing, y)]
        width, y = max(width, right + 20), bottom + 48
    if not answer["targets"]:
        parts.append(f'<text class="note" x="20" y="{y:.0f}">nothing is sent</text>')
    legend = "solid: gives the value   dashed: decides about it"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{y:.0f}" '
        f'viewBox="0 0 {width:.0f} {y:.0f}" role="img">\n<title>{escape(f"Lineage of {subject}")}</title>\n'
        f"<style>{_STYLE}</style>\n<rect width='100%' height='100%' style='fill:#fff;stroke:none;rx:0'/>\n"
        f'<text class="note" x="20" y="22">{escape(f"Lineage of {subject}")} — {legend}</text>\n'
        + "\n".join(parts) + "\n</svg>\n"
    )  # fmt: skip


def _title(target: Mapping[str, Any]) -> str:
    number = f"/{target['ordinal']}" if target.get("ordinal") else ""
    return f"{target['target']}{number} — {target['leaves']}"


def _drawing(target: Mapping[str, Any]) -> _Drawing:
    made = _Drawing()
    told = [(row, source) for row in target["values"] for source in row["sources"]]
    used = {rule["step"] for _, source in told for rule in source["rules"]}
    order = {step["step"]: at for at, step in enumerate(target["steps"])}
    steps = sorted(used, key=lambda step: order.get(step, -1))
    columns = {step: at for at, step in enumerate(steps, 1)}
    made.heads = ["from", *steps, f"to {target['target']}"]
    for row in target["values"]:
        made.node(("value", row["path"]), _valued(row["path"] or "(the whole message)", row), "value", len(steps) + 1)
    for row, source in told:
        _chain(made, row, source, columns)
    return made


def _chain(made: _Drawing, row: Mapping[str, Any], source: Mapping[str, Any], columns: Mapping[str, int]) -> None:
    """The lines from one source of a value, through the rules of each step, to it."""
    inside = "field" in source
    name = source["field"] or "(all of the input)" if inside else source["outside"]
    kind = "source" if inside else "outside"
    at = [made.node((kind, name), _valued(name, source) if inside else name, kind, 0)]
    by_step: dict[str, list[Key]] = {}
    for rule in source["rules"]:
        kind = "opaque" if rule.get("opaque") else "rule"
        key = made.node((rule["step"], rule["rule"], rule["place"]), rule["rule"], kind, columns[rule["step"]])
        by_step.setdefault(rule["step"], []).append(key)
    ends = [("value", row["path"])]
    for keys in [*(by_step[step] for step in sorted(by_step, key=columns.__getitem__)), ends]:
        for start in at:
            for end in dict.fromkeys(keys):
                made.line(start, end, source["role"] == "value")
        at = list(dict.fromkeys(keys))


def _valued(name: str, data: Mapping[str, Any]) -> str:
    text = f"{name} = {data['value']}" if data.get("value") is not None else name
    if "place" in data:
        return f"{text}  [{data['place']}]"
    return f"{text}  [{data['bytes'][0]}–{data['bytes'][1]}]" if "bytes" in data else text


def _place(drawing: _Drawing, top: float) -> tuple[float, float]:
    """Give every box its place; where the drawing ends, right and below."""
    columns: dict[int, list[Key]] = {}
    for key, node in drawing.nodes.items():
        node.width = len(node.text) * _CHARACTER + 2 * _PAD
        columns.setdefault(node.column, []).append(key)
    order = _ordered(drawing, columns)
    x = 20.0
    for column in range(len(drawing.heads)):
        keys = order.get(column, [])
        width = max([drawing.nodes[key].width for key in keys] + [len(drawing.heads[column]) * _CHARACTER])
        for at, key in enumerate(keys):
            node = drawing.nodes[key]
            node.x, node.y, node.width = x, top + _TOP - _ROW + at * _ROW, width
        x += width + _GAP
    longest = max((len(keys) for keys in order.values()), default=0)
    return x - _GAP, top + _TOP - _ROW + longest * _ROW


def _ordered(drawing: _Drawing, columns: Mapping[int, list[Key]]) -> dict[int, list[Key]]:
    """The boxes of each column in an order with few crossings: by the middle of their neighbours, from the right."""
    after: dict[Key, list[Key]] = {}
    before: dict[Key, list[Key]] = {}
    for start, end in drawing.lines:
        after.setdefault(start, []).append(end)
        before.setdefault(end, []).append(start)
    made = {column: list(keys) for column, keys in columns.items()}
    for neighbours, order in ((after, sorted(made, reverse=True)[1:]), (before, sorted(made)[1:-1]),
                              (after, sorted(made, reverse=True)[1:])):  # fmt: skip
        rank = {key: at for keys in made.values() for at, key in enumerate(keys)}
        for column in order:
            made[column].sort(key=lambda key: _middle([rank[k] for k in neighbours.get(key, ())], rank[key]))
            rank.update({key: at for at, key in enumerate(made[column])})
    return made


def _middle(ranks: Sequence[int], own: int) -> float:
    return sum(ranks) / len(ranks) if ranks else own


def _shown(drawing: _Drawing, top: float) -> Iterable[str]:
    xs: dict[int, float] = {}
    for node in drawing.nodes.values():
        xs[node.column] = node.x
    for column, head in enumerate(drawing.heads):
        if column in xs:
            yield f'<text class="head" x="{xs[column]:.0f}" y="{top + _TOP - _ROW - 10:.0f}">{escape(head)}</text>'
    for (start, end), value in sorted(drawing.lines.items(), key=lambda line: line[1]):
        a, b = drawing.nodes[start], drawing.nodes[end]
        x1, y1, x2, y2 = a.x + a.width, a.y + _BOX / 2, b.x, b.y + _BOX / 2
        bend = max((x2 - x1) / 2, 20)
        curve = f"M{x1:.0f} {y1:.0f} C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
        yield f'<path{"" if value else " class=" + chr(34) + "decides" + chr(34)} d="{curve}"/>'
    for node in drawing.nodes.values():
        yield (
            f'<g><title>{escape(node.full)}</title><rect class="{node.kind}" x="{node.x:.0f}" y="{node.y:.0f}" '
            f'width="{node.width:.0f}" height="{_BOX}"/><text x="{node.x + _PAD:.0f}" '
            f'y="{node.y + _BOX / 2 + 4:.0f}">{escape(node.text)}</text></g>'
        )
