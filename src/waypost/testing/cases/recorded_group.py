"""A stored message that waited at a step that combines messages, as a test case: with all that waited with it, each at
its time, and what came out when.

The case is run before it is given out: what comes out of it must be what was recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waypost.core.errors import DataError, Fault
from waypost.core.spec import Spec
from waypost.core.yamlfile import parse_yaml
from waypost.flow.declared.definition import FlowDefinition
from waypost.flow.declared.project import load_project
from waypost.flow.history.explain import plain
from waypost.testing.cases.declared import Case, CaseFileOptions
from waypost.testing.cases.match import exact, shown
from waypost.testing.cases.outcome import Came
from waypost.testing.cases.recorded import case_text, effects_of, given_of
from waypost.testing.cases.runner import CaseRunner

Shown = Mapping[str, Any]
"""A message as ``waypost show --json`` tells it."""
Fetch = Callable[[str], Shown | None]

MOST = 200
"""Messages of one case."""
_FOLLOWED = {"waited-as", "released-as", "member", "member-from"}
_BY_HAND = "released by hand"


def waited(message: Shown, flow: FlowDefinition) -> bool:
    """Whether a message came to a step that combines messages, waited there, or was made by one."""
    outputs = {output["target"] for output in message["outputs"]}
    return any(one["relation"] in _FOLLOWED for one in message["relatives"]) or not outputs <= set(flow.targets)


async def case_through(
    message: Shown, gathered: Sequence[Shown], root: Path, environment: str, name: str = ""
) -> dict[str, Any]:
    """The case of a message and of all that belongs to it. Raises ``DataError`` saying why there is none."""
    identifier, flow = str(message["message"]["id"]), str(message["message"]["flow"])
    project = load_project(root, environment)
    group = _Group(gathered, project.flows[flow])
    made = group.case(name or f"message {identifier} and those it waited with go as they did")
    faults: list[Fault] = []
    file = parse_yaml(case_text(flow, [made]), "case", faults)
    options = Spec.of(CaseFileOptions).parse(file, file.data, (), faults)
    if options is None:
        raise DataError(f"no case can be made of message {identifier}: {faults[0]}")
    runner = CaseRunner(root, project)
    (case,) = options.cases
    came, unanswered = await runner.outcome(Case("case", 0, flow, "", case, (0,) * len(case.then)))
    found = [*unanswered, *group.differences(came)]
    if found:
        remedy = "write the case by hand, with the moments that matter; docs: test flows and maps"
        said = f"message {identifier}: a case does not bring out what was recorded: {found[0]}"
        raise DataError(said, expected="the same results under virtual time", remedy=remedy, code="case-differs")
    return _expecting(made, came)


def gathered_with(message: Shown, fetch: Fetch) -> list[Shown]:
    """All that waited with a message, what it was before and what it became. Raises ``DataError`` where some of it is
    not there, or too much."""
    found = {str(message["message"]["id"]): message}
    left = [message]
    while left:
        for relative in left.pop()["relatives"]:
            identifier = str(relative["id"])
            if relative["relation"] not in _FOLLOWED or identifier in found:
                continue
            if len(found) == MOST:
                remedy = "write a smaller case by hand"
                raise DataError(f"more than {MOST} messages belong to it", expected="fewer", remedy=remedy)
            one = fetch(identifier)
            if one is None:
                raise DataError(
                    f"message {identifier}, which belongs to it, is no longer stored", remedy="choose another"
                )
            found[identifier] = one
            left.append(one)
    return sorted(found.values(), key=lambda one: (one["message"]["received_at"], one["message"]["id"]))


@dataclass(frozen=True, slots=True)
class _Event:
    """Something at a time: a message comes, a person releases a group, or the time alone."""

    at: str
    input: Shown | None = None
    release: tuple[str, str] = ("", "")


class _Group:
    """The messages of one case: ``roots`` came into the flow, ``made`` were released, ``members`` waited."""

    def __init__(self, messages: Sequence[Shown], flow: FlowDefinition) -> None:
        self.flow = flow
        self.members = [one for one in messages if _relatives(one, "member-from")]
        self.made = [one for one in messages if _relatives(one, "member")]
        self.roots = [one for one in messages if one not in self.members and one not in self.made]
        self._keys = dict(self._groups())
        self._refuse_what_cannot_be()

    def _groups(self) -> Iterator[tuple[tuple[str, str], str]]:
        """(message, step) → the key of the group it came to."""
        for one in (*self.roots, *self.made):
            for output in one["outputs"]:
                if output["target"] not in self.flow.targets and output["attempts"]:
                    address = str(output["attempts"][-1]["address"])
                    yield (str(one["message"]["id"]), output["target"]), address.removeprefix("group:")

    def _refuse_what_cannot_be(self) -> None:
        causes = {cause for one in self.members for cause in _relatives(one, "member-from")}
        for identifier, step in self._keys:
            if identifier not in causes:
                found = f"message {identifier} came to step {step}, and what became of it there is not known from here"
                remedy = "where it waits still, wait; else take the id of what it waited as: waypost messages --key"
                raise DataError(found, remedy=remedy, code="case-waits")
        for one in self.members:
            if one["message"]["state"] not in ("delivered", "dead", "parked", "filtered"):
                found = f"message {one['message']['id']} is {one['message']['state']}: its group has not ended"
                raise DataError(found, remedy="wait until it has", code="case-waits")
        if not self.roots:
            raise DataError("what came in is no longer stored", remedy="choose another message")

    def _events(self) -> list[_Event]:
        events = [_Event(one["message"]["received_at"], one) for one in self.roots]
        by_id = {str(one["message"]["id"]): one for one in self.members}
        for one in self.made:
            release = ("", "")
            for member in (by_id[id_] for id_ in _relatives(one, "member") if id_ in by_id):
                if any(a["status"] == _BY_HAND for output in member["outputs"] for a in output["attempts"]):
                    release = self._group_of(member)
            events.append(_Event(one["message"]["received_at"], None, release))
        return sorted(events, key=lambda event: (event.at, event.input is None))

    def _group_of(self, member: Shown) -> tuple[str, str]:
        cause = _relatives(member, "member-from")[0]
        return next(((step, key) for (id_, step), key in self._keys.items() if id_ == cause), ("", ""))

    def case(self, name: str) -> dict[str, Any]:
        """Inputs and times, without what comes out."""
        first, *events = self._events()
        assert first.input is not None, "what came in came before what was made of it"
        effects: dict[str, list[Any]] = {}
        for one in (first.input, *self.made):
            for step, answers in effects_of(one["effects"]).items():
                effects.setdefault(step, []).extend(answer for answer in answers if answer not in effects.get(step, []))
        for one in self.members:
            for asked in one.get("boundary", {}).get("asked", ()):
                effects.setdefault(asked["branch"], []).append(_answer(asked))
        then, now, released = [], first.at, set[tuple[str, str]]()
        for event in events:
            part: dict[str, Any] = {}
            if event.at > now:
                part["at"] = now = event.at
            if event.input is not None:
                own = effects_of(event.input["effects"])
                part |= {**({"effects": own} if own else {}), "input": given_of(event.input)}
            elif event.release != ("", "") and event.release not in released:
                released.add(event.release)
                part["release"] = dict([event.release])
            if part:
                then.append(part)
        return {
            "name": name, "input": {**given_of(first.input), "received_at": first.at},
            **({"effects": effects} if effects else {}), "expect": {}, **({"then": then} if then else {}),
        }  # fmt: skip

    def differences(self, came: Sequence[Came]) -> Iterator[str]:
        """Where what comes out is not what was recorded."""
        documents: dict[str, list[Any]] = {name: [] for name in self.flow.targets}
        places: Counter[str] = Counter()
        filtered = 0
        for one in (*self.roots, *self.made):
            for output in one["outputs"]:
                if output["target"] in documents:
                    document = output["document"]
                    documents[output["target"]].append(exact(output.get("text", "") if document is None else document))
            places.update(step["step"] for step in one["steps"] if step["result"] == "failed")
            filtered += sum(step["result"] == "filtered" for step in one["steps"])
        for one in self.members:
            places.update([failure["place"] for failure in one["message"]["failures"]][-1:])
            filtered += one["message"]["state"] == "filtered"
        for name, recorded in documents.items():
            made = [exact(plain(body)) for part in came for body, _ in part.targets.get(name, ())]
            for text in _unlike(recorded, made):
                yield f"{name}: {text}"
        if places != (now := Counter(place for part in came for place, _ in part.errors)):
            yield f"errors: recorded {dict(places)}, in a case {dict(now)}"
        if filtered != (ended := sum(part.filtered for part in came)):
            yield f"filtered: recorded {filtered}, in a case {ended}"


def _answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a boundary was answered, as a case says it."""
    said = asked["failed"] if "failed" in asked else {"answer": asked["answer"]}
    after = {"after": f"{asked['seconds']}s"} if asked["seconds"] else {}
    return {"when": asked["request"], **said, **after}


def _relatives(one: Shown, relation: str) -> list[str]:
    return [str(relative["id"]) for relative in one["relatives"] if relative["relation"] == relation]


def _unlike(recorded: Sequence[Any], made: Sequence[Any]) -> Iterator[str]:
    left = list(made)
    for document in recorded:
        if document in left:
            left.remove(document)
        else:
            yield f"recorded {shown(document)}, in a case {shown(left[0]) if left else 'nothing'}"
            return
    if left:
        yield f"in a case also {shown(left[0])}"


def _expecting(case: Mapping[str, Any], came: Sequence[Came]) -> dict[str, Any]:
    """The case with what comes out at each moment; moments at which nothing happens are left out."""
    first, *later = came
    then = []
    for part, one in zip(case.get("then", ()), later, strict=True):
        expect = _expected(one)
        if expect or set(part) != {"at"}:
            then.append({**part, "expect": expect})
    made = {**case, "expect": _expected(first), "then": then}
    return made if then else {name: value for name, value in made.items() if name != "then"}


def _expected(came: Came) -> dict[str, Any]:
    targets = {name: [_document(*one) for one in outputs] for name, outputs in came.targets.items()}
    errors = [{"place": place, "code": error.code} for place, error in came.errors]
    return {
        **({"targets": targets} if targets else {}),
        **({"errors": errors} if errors else {}),
        **({"filtered": came.filtered} if came.filtered else {}),
    }


def _document(body: Any, raw: bytes) -> Any:
    return raw.decode("utf-8", "backslashreplace") if isinstance(body, bytes) else plain(body)
