"""The verb `lineage`: of a flow, of a message, across channels, as words, JSON and a picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples/order-to-cash"


def test_a_flow_says_where_each_value_comes_from(waypost):
    said = waypost("lineage", "shop-orders", "--project", EXAMPLE, "--target", "orders/lines[].sku")
    assert said.code == 0
    assert said.out.splitlines()[2:] == [
        "to orders  at the end of the flow",
        "  validate: goes on when it fits schemas/shop_order.yaml",
        "  validate-order: goes on when it fits schemas/order.yaml",
        "  lines[].sku",
        "    ← order.items[].article",
        "    decided by order.items",
        "    map: lines[].sku ← upper(item.article)  (maps/shop_order.map.yaml:19)",
    ]


def test_a_field_is_followed_through_channels_to_every_target(waypost):
    field = "transactions[].purchase_order.lines[].quantity"
    found = waypost("lineage", "acme-orders", "--project", EXAMPLE, "--field", field, "--across", "--json").json
    reached = {
        t["target"]: [v["path"] for v in t["values"] if any(s["role"] == "value" for s in v["sources"])]
        for t in found["targets"]
    }
    assert reached["erp"] == ["lines[].quantity", "lines[].amount", "total"]
    assert set(reached) == {"erp", "approval", "book", "acme", "globex"}
    rules = next(v for t in found["targets"] if t["target"] == "erp" for v in t["values"] if v["path"] == "total")
    places = [rule["place"] for source in rules["sources"] if source["role"] == "value" for rule in source["rules"]]
    assert places == ["", "maps/acme_850.map.yaml:31", "maps/sales_order.map.yaml:25"]


def test_an_opaque_step_is_said_to_be_one(waypost):
    said = waypost("lineage", "acme-acknowledgements", "--project", EXAMPLE)
    assert "opaque" in said.out and "(all of the input)" in said.out


def test_the_picture_has_sources_left_and_targets_right(waypost, tmp_path):
    out = tmp_path / "lineage.svg"
    said = waypost("lineage", "shop-orders", "--project", EXAMPLE, "--svg", out)
    assert said.code == 0 and said.out == "" and str(out) in said.err
    root = ElementTree.fromstring(out.read_text("utf-8"))
    boxes = {
        group.findtext("{*}title"): (rect.get("class"), float(rect.get("x")), float(rect.get("width")))
        for group in root.iter("{http://www.w3.org/2000/svg}g")
        if (rect := group.find("{*}rect")) is not None
    }
    source, rule, value = boxes["order.id"], boxes["number ← order.id"], boxes["number"]
    assert [box[0] for box in (source, rule, value)] == ["source", "rule", "value"]
    assert source[1] + source[2] < rule[1] and rule[1] + rule[2] < value[1]
    assert len(root.findall("{*}path")) >= 20


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "expected a FLOW, or --message ID"),
        (("shop-orders", "--message", "x"), "expected a FLOW, or --message ID"),
        (("shop-order",), "did you mean 'shop-orders'?"),
        (("shop-orders", "--field", "a..["), "--field: 'a..[' is no path"),
    ],
)
def test_what_cannot_be_traced_is_refused(waypost, arguments, says):
    said = waypost("lineage", *arguments, "--project", EXAMPLE)
    assert said.code == 2 and says in said.err


def row(path: str, *sources: dict) -> dict:
    return {"path": path, "rules": [], "value": 1, "sources": list(sources)}


def read(field: str, rule: str, **more: object) -> dict:
    rules = [{"step": "map", "rule": rule, "place": "", "target": ""}]
    return {"field": field, "role": "value", "rules": rules, **more}


def message(identifier: str, values: list, upstream: str = "", digest: str = "d") -> dict:
    return {
        "message": {"id": identifier, "flow": f"flow-{identifier}"},
        "input": {"size": 9, "digest": digest, "file": "" if upstream else "in.csv", "starts_at": 0},
        "upstream": {"id": upstream, "how": "channel"} if upstream else None,
        "targets": [{"target": "out", "ordinal": 0, "flow": f"flow-{identifier}", "from_flow": f"flow-{identifier}",
                     "leaves": "at the end of the flow", "steps": [], "decided_by": [], "values": values}],
    }  # fmt: skip


def test_a_message_that_came_by_a_channel_is_traced_to_the_first_one(waypost, system):
    system.answers["lineage"] = [
        message("b", [row("total", read("sum", "total ← sum"))], upstream="a"),
        message("a", [row("sum", read("x", "sum ← x", bytes=[3, 4], value=7))], digest="other"),
    ]
    said = waypost("lineage", "--message", "b", "--across")
    assert said.code == 0
    assert system.asked[1] == ("lineage", {"id": "a", "paths": ["sum"], "digest": "d"})
    assert "    ← x = 7  bytes 3–4" in said.out.splitlines()
    assert "    map: sum ← x" in said.out.splitlines() and "    map: total ← sum" in said.out.splitlines()
    assert "by message a of flow-a, in in.csv" in said.out


def test_a_message_there_is_not_is_said_so(waypost, system):
    system.answers["lineage"] = None
    said = waypost("lineage", "--message", "b")
    assert said.code == 1 and "no message 'b'" in said.err
