"""``show``: what happened to one message, each step's body recomputed from the input and proved by digest."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from waypost.core.component import Dropped, Failed, Noted, Request, Result, Routed, Split, Tapped, placed_at
from waypost.core.errors import DataError, WaypostError
from waypost.core.finding import is_finding
from waypost.core.message import Message, id_text
from waypost.core.proof import proves
from waypost.flow.batch.answered import request_digest
from waypost.flow.batch.compiled import CompiledFlow, Processed
from waypost.flow.batch.effects import age_of, unpack_answer
from waypost.flow.batch.guard import guarded
from waypost.flow.batch.load import bodies_of, load_of
from waypost.flow.batch.versions import Versions
from waypost.flow.boundary.heard import is_heard
from waypost.flow.member.envelope import RELEASED, body_of
from waypost.flow.running.recall import RowKey, recompute, recorded_digests
from waypost.store.protocol import Found, History
from waypost.store.record import (
    OUT_MASK,
    OUT_ROW,
    Accepted,
    Decided,
    Delivered,
    DeliveryFailed,
    LegalHold,
    Linked,
    OutboundBody,
    Released,
    State,
    unpack_refs,
)


def time_text(microseconds: int) -> str:
    """ISO 8601 in UTC, to the millisecond; '' for none."""
    if not microseconds:
        return ""
    moment = datetime.fromtimestamp(microseconds / 1_000_000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


_unpack = msgspec.msgpack.Decoder().decode


def plain(document: Any) -> Any:
    """A document as JSON can hold it; a number that is no integer is a Decimal with the digits it has."""
    return _decoder.decode(_json(document))


_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def _json(document: Any) -> bytes:
    try:
        return _encoder.encode(document)
    except (TypeError, msgspec.EncodeError):
        return _encoder.encode(repr(document))


def text_of(body: bytes) -> dict[str, Any]:
    """Bytes for a person: as text where they are UTF-8, else in base 64."""
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def message_row(found: Found) -> dict[str, Any]:
    """One message of a listing."""
    return {
        "id": id_text(found.message), "flow": found.flow, "state": found.state,
        "received_at": time_text(found.received_at), "keys": {n: list(v) for n, v in found.keys.items()},
        "targets": [
            {"target": name, "ordinal": ordinal, "state": State(state).name.lower(), "attempts": attempts}
            for name, ordinal, state, attempts in found.targets
        ],
        "failures": [
            {"place": f.place, "class": f.error_class, "code": f.code, "text": f.text} for f in found.failures
        ],
        "arrival": found.arrival, "size": found.size, "version": found.version,
    }  # fmt: skip


class _Trace:
    """Collects what each step did with one message."""

    def __init__(self, flow: CompiledFlow) -> None:
        self.kinds = {step.name: step.kind for step in flow.steps}
        self.asking = {step.name: step.step for step in flow.steps if step.asks}
        self.steps: list[dict[str, Any]] = []
        self.requests: dict[tuple[str, str], Any] = {}
        """What was asked, by step and digest."""

    def step(self, name: str, before: Sequence[tuple[int, Message]], results: Sequence[Result]) -> None:
        if name in self.asking:
            for request in guarded(name, self.asking[name].request, [message for _, message in before]):
                if isinstance(request, Request):
                    self.requests[name, request_digest(request).hex()] = plain(dict(request.parameters))
        for (_, message), result in zip(before, results, strict=True):
            self.steps.append({"step": name, "kind": self.kinds[name], "before": plain(message.body), **_said(result)})


def _said(result: Result) -> dict[str, Any]:
    if isinstance(result, Message):
        return {"result": "passed", "after": plain(result.body)}
    if isinstance(result, Split):
        return {"result": "split", "after": [plain(child.body) for child in result.children]}
    if isinstance(result, Routed):
        said = {"result": "routed", "to": list(result.targets), "after": plain(result.message.body)}
        return {**said, "reason": result.reason} if result.reason else said
    if isinstance(result, Tapped):
        return {"result": "tapped", "to": list(result.targets), "after": plain(result.message.body)}
    if isinstance(result, Noted):
        findings = [one.data() for one in result.findings]
        return {"result": "passed", "findings": findings, "after": plain(result.message.body)}
    if isinstance(result, Failed):
        return {"result": "failed", "error": str(result.error), **findings_of(result.error)}
    ended = {"result": "filtered"}
    if isinstance(result, Dropped) and (result.reason or result.duplicate_of):
        ended["reason"] = result.reason or f"duplicate of {result.duplicate_of}"
    return ended


def findings_of(error: Any) -> dict[str, list[dict[str, Any]]]:
    """The findings an error lists, under ``findings``; nothing where it lists none."""
    found = [dict(detail) for detail in getattr(error, "details", ()) if is_finding(detail)]
    return {"findings": found} if found else {}


def _notes(history: History) -> list[dict[str, Any]]:
    """What steps noted about the message when it was processed, as the journal has it."""
    return [
        {"step": step, "findings": _unpack(packed)}
        for produced in history.batch.produced
        for index, step, packed in produced.notes
        if index == history.found.index
    ]


async def explain(history: History, versions: Versions, secret: bytes, fingerprints: Sequence[str]) -> dict[str, Any]:
    """Everything about one message as plain data. ``fingerprints``: of the environment then and now, to tell a
    difference of the environment from one of the flow."""
    stored, found = history.batch, history.found
    raw = body_of(bodies_of(stored.accepted.bodies, stored.accepted.count)[found.index], stored.accepted.stage)
    shown: dict[str, Any] = {
        "message": message_row(found),
        "input": _input(stored.accepted, raw, found.index),
        "effects": [
            {"step": step, "ordinal": ordinal, "request_digest": digest.hex(), **_answered(answer)}
            for record in stored.effects
            for index, step, ordinal, digest, answer in record.items
            if index == found.index and not is_heard(step)
        ],
        "notes": _notes(history),
        "relatives": _relatives(history),
        "history": _decisions(history),
    }
    try:
        flow = versions.flow(found.version, found.flow)
    except WaypostError as error:
        return {**shown, "verdict": "environment differs", "why": str(error), "steps": [], "outputs": []}
    trace = _Trace(flow)
    decoded, processed = await recompute(flow, stored, [found.index], secret, trace)
    if decoded.messages:
        shown["input"]["document"] = plain(decoded.messages[0].body)
    shown["steps"] = trace.steps
    for effect in shown["effects"]:
        effect["request"] = trace.requests.get((effect["step"], effect["request_digest"]))
    shown["outputs"] = outputs = _outputs(history, flow, processed, secret)
    refused = [error for _, _, error in decoded.refused]
    if refused and isinstance(refused[0], DataError):
        shown["refused"] = str(refused[0])
        shown.update(findings_of(refused[0]))
    differs = not all(output["digest_ok"] for output in outputs)
    changed = differs and len(set(fingerprints)) > 1
    shown["verdict"] = "environment differs" if changed else "differs" if differs else "proved"
    _time(shown["steps"], stored.produced, flow)
    return shown


def _input(accepted: Accepted, raw: bytes, index: int) -> dict[str, Any]:
    """What came in; ``context`` is what the record needs besides its own bytes, such as a file's heading."""
    headers = load_of(accepted).headers_of(index)
    return {
        **text_of(raw), "content_type": accepted.content_type, "size": len(raw),
        **({"headers": dict(headers)} if headers else {}),
        **({"context": text_of(accepted.context)} if accepted.context else {}),
    }  # fmt: skip


def _answered(packed: bytes) -> dict[str, Any]:
    age = age_of(packed)
    said: dict[str, Any] = {"answer": plain(unpack_answer(packed))}
    return said if age is None else {**said, "age_seconds": age / 1_000_000}


def _time(steps: list[dict[str, Any]], produced: Sequence[Any], flow: CompiledFlow) -> None:
    """What each step took for the whole batch, as measured when it happened."""
    if not produced:
        return
    took = dict(zip((step.name for step in flow.steps), produced[0].timings, strict=False))
    for step in steps:
        step["microseconds_of_batch"] = took.get(step["step"], 0)


def _outputs(history: History, flow: CompiledFlow, processed: Processed, secret: bytes) -> list[dict[str, Any]]:
    found, digests = history.found, recorded_digests(history.batch)
    made = {(o.index, flow.target_names[o.target], o.ordinal): o for o in processed.outs if o.state is State.OPEN}
    attempts = _attempts(history)
    sent = {r.ref & OUT_MASK: r for r in history.records if isinstance(r, OutboundBody)}
    states = {(name, ordinal): state for name, ordinal, state, _ in found.targets}
    outputs = []
    for row, key in rows_of_message(history).items():
        out, (_, target, ordinal) = made.get(key), key
        if not target:
            continue
        body = sent[row].bodies.data if row in sent else out.body if out else b""
        outputs.append({
            "target": target, "ordinal": ordinal,
            "state": State(states.get((target, ordinal), State.OPEN)).name.lower(),
            **text_of(body), "document": plain(out.message.body) if out and out.message else None,
            **_numbers(history, row),
            "digest_ok": out is not None and proves(secret, out.body, out.digest, digests.get(key)),
            "attempts": attempts.get(row, []),
        })  # fmt: skip
    return outputs


def _numbers(history: History, row: int) -> dict[str, Any]:
    """The control numbers an output left under, by sequence."""
    stamped = [r for r in history.records if isinstance(r, OutboundBody) and r.ref & OUT_MASK == row and r.numbers]
    found: dict[str, list[int]] = {}
    for name, number in stamped[-1].numbers if stamped else ():
        found.setdefault(name, []).append(number)
    return {"numbers": found} if found else {}


def rows_of_message(history: History) -> dict[int, RowKey]:
    """The output rows of one message: row number → (index, target name or '', ordinal)."""
    rows: dict[int, RowKey] = {}
    for produced in history.batch.produced:
        for at, (index, target, ordinal, _, _) in enumerate(OUT_ROW.iter_unpack(produced.rows)):
            if index == history.found.index:
                name = produced.targets[target] if target < len(produced.targets) else ""
                rows[produced.first_row + at] = (index, name, ordinal)
    return rows


def _attempts(history: History) -> dict[int, list[dict[str, Any]]]:
    rows = rows_of_message(history)
    told: dict[int, list[dict[str, Any]]] = {}
    for record in history.records:
        if isinstance(record, DeliveryFailed) and record.ref & OUT_MASK in rows:
            told.setdefault(record.ref & OUT_MASK, []).append({
                "at": time_text(record.at), "outcome": State(record.state).name.lower(), "attempt": record.attempt,
                "address": record.address, "status": record.status, "error": record.text,
                **({"answer": text_of(record.answer)} if record.answer else {}),
            })  # fmt: skip
        elif isinstance(record, Delivered):
            for at, ref in enumerate(unpack_refs(record.refs)):
                if ref & OUT_MASK in rows and ref >> 20 == history.found.seq:
                    told.setdefault(ref & OUT_MASK, []).append(_delivered(record, at))
    return told


def _delivered(record: Delivered, at: int) -> dict[str, Any]:
    def of(values: Sequence[Any]) -> Any:
        return values[at] if len(values) > 1 else values[0] if values else ""

    headers: Mapping[str, str] = {}
    if record.answer_headers:
        headers = msgspec.msgpack.decode(record.answer_headers)[at]
    answer = of(record.answers)
    address = of(record.addresses)
    if record.offsets:
        address = placed_at(address, unpack_refs(record.offsets)[at])
    return {
        "at": time_text(record.at), "outcome": "delivered",
        "address": address, "status": of(record.statuses),
        "microseconds": record.duration_us, "possible_duplicate": record.possible_duplicate,
        **({"answer": text_of(answer)} if answer else {}), **({"answer_headers": dict(headers)} if headers else {}),
    }  # fmt: skip


def _relatives(history: History) -> list[dict[str, str]]:
    found, accepted = history.found, history.batch.accepted
    related = []
    cause = accepted.causes[found.index] if accepted.causes else b""
    if cause and accepted.origin != RELEASED:
        related.append({"id": id_text(cause), "relation": f"{accepted.origin or 'caused'}-from"})
    for record in history.records:
        if isinstance(record, Released):
            related += _released(record, found.message)
        elif isinstance(record, Linked) and (record.message, record.other) != (found.message, cause):
            other = record.other if record.message == found.message else record.message
            related.append({"id": id_text(other), "relation": record.relation})
    return related


def _released(record: Released, message: bytes) -> list[dict[str, str]]:
    """Of a released message its members; of a member, and of what came as it, what it was released as."""
    if message in record.messages:
        several = len(record.messages) == len(record.members) > 1
        members = [record.members[record.messages.index(message)]] if several else record.members
        return [{"id": id_text(member), "relation": "member"} for member in members]
    if message in record.origins:
        return [{"id": id_text(record.members[record.origins.index(message)]), "relation": "waited-as"}]
    several = len(record.messages) == len(record.members) > 1
    made = [record.messages[record.members.index(message)]] if several else record.messages
    return [{"id": id_text(one), "relation": "released-as"} for one in made]


def _decisions(history: History) -> list[dict[str, str]]:
    rows = rows_of_message(history)
    told = []
    for record in history.records:
        if isinstance(record, Decided) and any(
            ref & OUT_MASK in rows and ref >> 20 == history.found.seq for ref in unpack_refs(record.refs)
        ):
            told.append({"at": time_text(record.at), "what": record.verb, "who": record.who, "why": record.why})
        elif isinstance(record, LegalHold):
            what = "legal hold set" if record.held else "legal hold lifted"
            told.append({"at": time_text(record.at), "what": what, "who": record.who, "why": record.why})
    return told
