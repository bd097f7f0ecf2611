"""Find messages and files, and understand what happened to one."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from waypost.cli.asking import ask, query
from waypost.cli.option import Place, Which
from waypost.cli.output import json_text, print_json, say, table

Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="At most so many.")]


def messages(
    place: Place,
    which: Which,
    limit: Limit = 50,
    everything: Annotated[bool, typer.Option("--all", help="Page after page, to the last.")] = False,
) -> None:
    """List messages, newest first."""
    pages = _pages(place, which, limit, everything)
    if place.as_json:
        return _print_pages(pages, everything)
    found = 0
    for page in pages:
        rows = [_message_row(message) for message in page["messages"]]
        if rows or not found:
            table(("id", "flow", "state", "received", "keys", "cause"), rows)
        found += len(rows)
        if page["next"] and not everything:
            say(f"more: waypost messages --all, or a larger --limit than {limit}")


def _pages(place: Place, which: Which, limit: int, everything: bool) -> Iterator[dict[str, Any]]:
    asked = query(which)
    page = ask(place, "messages", **asked, limit=limit)
    yield _acknowledged(place, page)
    while everything and page["next"]:
        page = ask(place, "messages", **asked, limit=limit, before=page["next"])
        yield _acknowledged(place, page)


def _acknowledged(place: Place, page: dict[str, Any]) -> dict[str, Any]:
    """A page with how the acknowledgement of each message stands that was exchanged with a partner."""
    from waypost.cli.verb.expecting import said_of

    said = said_of(place, [message["id"] for message in page["messages"]])
    for message in page["messages"]:
        if message["id"] in said:
            message["acknowledgement"] = said[message["id"]]["state"]
    return page


def _print_pages(pages: Iterator[dict[str, Any]], everything: bool) -> None:
    """One JSON document; all pages are written as they come, so that memory holds one of them."""
    if not everything:
        return print_json(next(pages))
    sys.stdout.write('{"messages": [')
    separator = ""
    for page in pages:
        for message in page["messages"]:
            sys.stdout.write(separator + json_text(message))
            separator = ", "
    print('], "next": null}')


def _message_row(message: dict[str, Any]) -> list[str]:
    keys = " ".join(f"{name}={','.join(values)}" for name, values in message["keys"].items() if values)
    causes = [f"{failure['place']}: {failure['text']}" for failure in message["failures"]]
    state = ", ".join(filter(None, (message["state"], message.get("acknowledgement"))))
    return [message["id"], message["flow"], state, message["received_at"], keys, "; ".join(causes)]


def files(
    place: Place,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Files of this name; * stands for anything.")] = "",
    flow: Annotated[str, typer.Option("--flow", metavar="NAME", help="Files of this flow.")] = "",
    limit: Limit = 50,
) -> None:
    """List files that came, and what became of their records."""
    answer = ask(place, "files", name=name, flow=flow, limit=limit)
    if place.as_json:
        return print_json(answer)
    head = ("name", "flow", "size", "begun_at", "records", "delivered", "filtered", "open", "parked", "dead", "error")
    table(head, [[row.get(column, "") for column in head] for row in answer["files"]])


def dead(
    place: Place,
    which: Which,
    what: Annotated[str, typer.Argument(metavar="groups|list", help="Groups by cause, or each message.")] = "groups",
    limit: Limit = 50,
) -> None:
    """What is dead or parked, grouped by cause or one by one."""
    from waypost.core.errors import UsageError

    if what not in ("groups", "list"):
        raise UsageError(f"dead {what!r}", expected="groups or list")
    if what == "list":
        answer = _dead_list(place, which, limit)
        if place.as_json:
            return print_json(answer)
        return table(("id", "flow", "state", "received", "keys", "cause"), map(_message_row, answer["messages"]))
    answer = ask(place, "dead", **query(which), limit=limit)
    if place.as_json:
        return print_json(answer)
    head = ("count", "flow", "place", "first", "last", "text")
    table(head, [[group[column] for column in head] for group in answer["groups"]], empty="nothing is dead or parked")


def _dead_list(place: Place, which: Which, limit: int) -> dict[str, Any]:
    asked = query(which)
    states = [asked.pop("state")] if "state" in asked else ["dead", "parked"]
    found = [m for state in states for m in ask(place, "messages", **asked, state=state, limit=limit)["messages"]]
    return {"messages": sorted(found, key=lambda message: str(message["id"]), reverse=True)[:limit]}


def show(
    place: Place,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The message, as `waypost messages` names it.")],
    step: Annotated[str, typer.Option("--step", metavar="NAME", help="Only this step, in full.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="Only the input, byte for byte.")] = False,
) -> None:
    """Everything about one message, step by step.

    Its input, what each step made of it, its deliveries with every attempt, and what people decided about it. The
    bodies are recomputed from the input; the verdict says whether they are proved to be what was sent. Of what was sent
    to a partner, whether it was acknowledged or rejected.
    """
    from waypost.core.errors import DataError

    answer = ask(place, "show", id=identifier)
    if answer is None:
        raise DataError(f"no message {identifier!r}", remedy="find it with: waypost messages", code="unknown-message")
    if raw:
        sys.stdout.buffer.write(_bytes(answer["input"]))
        sys.stdout.buffer.flush()
    elif step:
        _show_step(place, answer, step)
    else:
        from waypost.cli.verb.expecting import said_lines, said_of

        said = said_of(place, [answer["message"]["id"]]).get(answer["message"]["id"])
        if place.as_json:
            return print_json(answer if said is None else {**answer, "acknowledgements": said})
        say("\n".join([*shown(answer), *said_lines(said)]))


def _bytes(content: dict[str, Any]) -> bytes:
    return base64.b64decode(content["base64"]) if "base64" in content else str(content.get("text", "")).encode()


def _show_step(place: Place, answer: dict[str, Any], name: str) -> None:
    from waypost.core.errors import UsageError, near

    steps = [step for step in answer["steps"] if step["step"] == name]
    if not steps:
        known = [step["step"] for step in answer["steps"]]
        raise UsageError(
            f"--step {name!r}: the message did not pass it",
            remedy=near(name, known) or f"it passed: {', '.join(known)}",
        )
    if place.as_json:
        return print_json({"steps": steps})
    for step in steps:
        say(f"{step['step']} ({step['kind']}): {step['result']}")
        for part in ("before", "after"):
            if part in step:
                say(f"{part}:\n{json_text(step[part], indent=2)}")
        if step.get("error"):
            say(f"error: {step['error']}")
        for one in step.get("findings", ()):
            say(finding_line(one))


def shown(answer: dict[str, Any]) -> list[str]:
    """What ``show`` prints for a person: what each step changed, not the whole document again and again."""
    message, content = answer["message"], answer["input"]
    lines = [f"{message['id']}  {message['flow']}  {message['state']}  {message['received_at']}"]
    lines += [f"  {name} = {', '.join(values)}" for name, values in message["keys"].items() if values]
    if message.get("arrival"):
        lines.append(f"  from {message['arrival']}")
    verdict = f"  {answer['verdict']}" + (f": {answer['why']}" if answer.get("why") else "")
    lines += [verdict, "", f"input  {content.get('content_type', '')}  {content['size']} bytes", f"  {_short(content)}"]
    if answer.get("refused"):
        lines.append(f"  refused: {answer['refused']}")
        lines += [f"    {finding_line(one)}" for one in answer.get("findings", ())]
    if not answer["steps"]:
        lines += [
            f"  {note['step']}: {finding_line(one)}" for note in answer.get("notes", ()) for one in note["findings"]
        ]
    lines += _boundary_lines(answer.get("boundary"))
    for step in answer["steps"]:
        answered = [effect for effect in answer["effects"] if effect["step"] == step["step"]]
        lines += ["", *_step_lines(step), *map(_answer_line, answered)]
    for output in answer["outputs"]:
        lines += ["", *_output_lines(output)]
    for title, rows in (("relatives", _relatives(answer)), ("decisions", _history(answer))):
        if rows:
            lines += ["", title, *rows]
    return lines


def _boundary_lines(about: dict[str, Any] | None) -> list[str]:
    """What a step that combines messages has to do with it."""
    if about is None:
        return []
    lines = [f"{about['role']} of group {about['key']!r} in {about['step']}"] if "step" in about else []
    if waits := about.get("waits_in"):
        until = f", at the latest until {waits['until']}" if waits["until"] else ""
        lines.append(f"  waits since {waits['since']} with {waits['members']} in all, for {waits['waits_for']}{until}")
    for asked in about.get("asked", ()):
        came = f"failed: {asked['failed']['error']}" if "failed" in asked else _word(asked["answer"])
        lines.append(f"  asked {asked['branch']} {_word(asked['request'])}: {came}, after {asked['seconds']:g} s")
    for release in about["releases"]:
        by = f" by {release['who']}: {release['why']}" if release["who"] else ""
        lines.append(
            f"  {release['at']}  {release['step']} released group {release['key']!r}, {len(release['members'])} "
            f"messages: {release['reason']}{by}"
        )
    return ["", *lines]


def _step_lines(step: dict[str, Any]) -> list[str]:
    from waypost.flow.batch.differ import differences

    to = f" to {', '.join(step['to'])}" if step.get("to") else ""
    reason = f": {step['reason']}" if step.get("reason") else ""
    lines = [f"step {step['step']}  {step['result']}{to}{reason}"]
    if step.get("findings"):
        lines += [f"  {finding_line(one)}" for one in step["findings"]]
    elif step.get("error"):
        lines.append(f"  {step['error']}")
    after = step.get("after")
    if step["result"] == "split":
        return [*lines, f"  {len(after or ())} children"]
    if after is not None:
        lines += [f"  {d['path']}: {_word(d['was'])} → {_word(d['is'])}" for d in differences(step["before"], after)]
    return lines


def finding_line(one: dict[str, Any]) -> str:
    """A finding on one line, its severity first where it is no error."""
    from waypost.core.finding import told

    severity = one.get("severity", "error")
    return f"{told(one)} [{one['rule']}]" if severity == "error" else f"{severity}: {told(one)} [{one['rule']}]"


def _answer_line(effect: dict[str, Any]) -> str:
    age = effect.get("age_seconds")
    kept = "" if age is None else f" (kept for {age:.1f} s when it was used)"
    return f"  was answered{kept}: {_word(effect['answer'])}"


def _output_lines(output: dict[str, Any]) -> list[str]:
    mark = "" if output.get("digest_ok", True) else "  not what was sent then"
    number = f"/{output['ordinal']}" if output["ordinal"] else ""
    lines = [f"to {output['target']}{number}  {output['state']}{mark}", f"  {_short(output)}"]
    for attempt in output["attempts"]:
        said = [attempt.get(name, "") for name in ("at", "outcome", "status", "address", "error")]
        lines.append("  " + "  ".join(str(part) for part in said if part))
        if attempt.get("possible_duplicate"):
            lines.append("    possibly a duplicate: whether an earlier try arrived was not known")
        if attempt.get("answer"):
            lines.append(f"    answer: {_short(attempt['answer'])}")
    return lines


def _relatives(answer: dict[str, Any]) -> list[str]:
    return [f"  {relative['relation']} {relative['id']}" for relative in answer.get("relatives", ())]


def _history(answer: dict[str, Any]) -> list[str]:
    return [f"  {d['at']}  {d['what']}  {d['who']}  {d['why']}".rstrip() for d in answer.get("history", ())]


def _short(content: dict[str, Any], limit: int = 400) -> str:
    """The beginning of a body on one line."""
    text = content["text"] if "text" in content else f"{len(content.get('base64', '')) * 3 // 4} bytes, not text"
    text = " ".join(str(text).split())
    return text if len(text) <= limit else f"{text[:limit]}… (all of it with --raw or --json)"


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json_text(value)
    return text if len(text) <= 120 else text[:119] + "…"
