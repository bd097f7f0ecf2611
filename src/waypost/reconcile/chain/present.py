"""Chains as a person reads them: lines of a text, sections of a page."""

from __future__ import annotations

from decimal import Decimal

from waypost.reconcile.chain.claims import ClaimChain, explained
from waypost.reconcile.chain.document import Document, Due, decimal, iso
from waypost.reconcile.chain.orders import STAGES, OrderChain, OrderLine
from waypost.reconcile.chain.page import Section
from waypost.reconcile.chain.questions import QuestionChain

_CODES = {
    "claim": {"1": "", "7": "replaces one", "8": "voids one"},
    "remittance": {"1": "processed", "2": "processed as secondary", "3": "processed as tertiary", "4": "denied",
                   "22": "taken back"},
    "syntax": {"A": "accepted", "E": "accepted with errors", "R": "refused", "P": "partly accepted"},
}  # fmt: skip
"""CLM05-3, CLP02, and IK501 or AK501 in words."""


def order_lines(chain: OrderChain) -> list[str]:
    """An order as text: its documents, its lines, what differs, what is due."""
    who = chain.partner or chain.pair.replace("|", " and ")
    made = [f"order {chain.order}  {who}  {chain.state}"]
    made += [f"    {step}  {said}" for step, said in _steps(chain.documents)]
    made += [f"    line {line.number:<4} {_figures(line)}" for line in chain.lines]
    made += [f"  ! {one.text()}" for one in chain.differences]
    return made + [f"  . {_due(one)}" for one in chain.due if one.state == "open"]


def order_section(chain: OrderChain) -> Section:
    """An order as a section of the page."""
    rows = [
        [line.number, " ".join(line.ids), line.unit, *(_number(line.quantities.get(stage)) for stage in STAGES),
         *(_number(line.prices.get(stage)) for stage in ("ordered", "invoiced"))]
        for line in chain.lines
    ]  # fmt: skip
    steps = _steps(chain.documents) + [(one.what, _due(one)) for one in chain.due if one.state == "open"]
    return Section(
        f"Order {chain.order}", chain.partner or chain.pair.replace("|", " and "), chain.state, chain.troubled, steps,
        ("line", "item", "unit", *STAGES, "price ordered", "price invoiced"), rows, frozenset(range(3, 9)),
        [one.text() for one in chain.differences],
    )  # fmt: skip


def claim_lines(chain: ClaimChain) -> list[str]:
    """A claim as text: its documents, what was billed and paid, what lies between, its lines."""
    made = [f"claim {chain.claim}  {chain.partner or chain.pair.replace('|', ' and ')}  {chain.state}"]
    made += [f"    {step}  {said}" for step, said in _claim_steps(chain)]
    if any(one.kind == "remittance" for one in chain.documents):
        billed = _number(chain.billed) or "?"
        made.append(f"    billed {billed}, paid {_number(chain.paid)}, the patient's {_number(chain.patient)}"
                    + "".join(f"; {text}" for text in explained(chain)))  # fmt: skip
    for line in chain.lines:
        taken = ", ".join(f"{code} {_number(amount)}" for code, amount in line.adjustments.items())
        paid = f", paid {_number(line.paid)}" if line.paid is not None else ""
        made.append(f"    line {line.number:<4} {line.procedure} charged {_number(line.charged)}{paid}"
                    + (f" ({taken})" if taken else ""))  # fmt: skip
    return made + [f"  ! {one.text()}" for one in chain.differences]


def claim_section(chain: ClaimChain) -> Section:
    """A claim as a section of the page."""
    rows = [
        [line.number, line.procedure, _number(line.charged), _number(line.paid),
         ", ".join(f"{code} {_number(amount)}" for code, amount in line.adjustments.items())]
        for line in chain.lines
    ]  # fmt: skip
    steps = _claim_steps(chain)
    if any(one.kind == "remittance" for one in chain.documents):
        between = "; ".join(explained(chain))
        steps.append(
            ("between", f"billed {_number(chain.billed) or '?'} and paid {_number(chain.paid)}: {between or 'nothing'}")
        )
    return Section(
        f"Claim {chain.claim}", chain.partner or chain.pair.replace("|", " and "), chain.state, chain.troubled, steps,
        ("line", "procedure", "charged", "paid", "adjusted"), rows, frozenset((2, 3)),
        [one.text() for one in chain.differences],
    )  # fmt: skip


def _claim_steps(chain: ClaimChain) -> list[tuple[str, str]]:
    names = {"receipt": "277CA", "attachment": "275"}
    made = []
    for one in chain.documents:
        said = [(iso(one.at) or "")[:16], _CODES.get(one.kind, {}).get(one.code, one.code), one.source]
        if one.kind == "attachment":
            said.insert(1, f"{one.amounts.get('bytes', '0')} bytes")
        made.append((f"{names.get(one.kind, one.set)} {one.number}".strip(), ", ".join(filter(None, said))))
    return made + ([("posting", chain.posting)] if chain.posting else [])


def question_lines(chain: QuestionChain) -> list[str]:
    """A question and its answers as text."""
    after = f", after {chain.seconds} s" if chain.seconds is not None else ""
    made = [f"{chain.set} {chain.trace}  {chain.partner or chain.pair.replace('|', ' and ')}  {chain.state}{after}"]
    made += [f"    {step}  {said}" for step, said in _steps(chain.documents)]
    return made + [f"  ! {one.text()}" for one in chain.differences]


def question_section(chain: QuestionChain) -> Section:
    """A question as a section of the page."""
    return Section(f"{chain.set} {chain.trace}", chain.partner or chain.pair.replace("|", " and "), chain.state,
                   chain.troubled, _steps(chain.documents),
                   problems=[one.text() for one in chain.differences])  # fmt: skip


def _steps(documents: list[Document]) -> list[tuple[str, str]]:
    made = []
    for one in documents:
        total = f", {decimal(one.total)}" if one.total else ""
        origin = f", {one.source}" if one.source else ""
        made.append((f"{one.set} {one.number}", f"{(iso(one.at) or '')[:16]}{total}{origin}"))
    return made


def _figures(line: OrderLine) -> str:
    quantities = ", ".join(f"{stage} {_number(line.quantities[stage])}" for stage in STAGES if stage in line.quantities)
    prices = {_number(line.prices[stage]) for stage in STAGES if stage in line.prices}
    at = f" at {' / '.join(sorted(prices))}" if prices else ""
    return f"{' '.join(line.ids)}  {quantities} {line.unit}{at}".strip()


def _number(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}" if value == value.to_integral() else f"{value}"


def _due(one: Due) -> str:
    penalty = f"; {one.penalty}" if one.penalty else ""
    return f"{one.what} due {iso(one.due)}{penalty}"
