"""The ledger of questions and answers: 270 and 271, 276 and 277, 278, by their trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from waypost.reconcile.chain.book import Book
from waypost.reconcile.chain.document import Difference, Document, iso

_ANSWERS = {"270": "271", "276": "277", "278": "278"}


@dataclass(slots=True)
class QuestionChain:
    """One question with its answers."""

    trace: str
    set: str
    pair: str
    partner: str
    documents: list[Document]
    state: str
    seconds: int | None = None
    differences: list[Difference] = field(default_factory=list)

    @property
    def troubled(self) -> bool:
        return bool(self.differences)

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "trace": self.trace, "set": self.set, "partner": self.partner, "parties": self.pair.split("|"),
            "state": self.state, "seconds": self.seconds,
            "documents": [
                {"kind": one.kind, "set": one.set, "number": one.number, "code": one.code, "at": iso(one.at),
                 "rejected": one.refs.get("rejected", []), "source": one.source, "message": one.message}
                for one in self.documents
            ],
            "differences": [one.data() for one in self.differences],
        }  # fmt: skip


def question_chains(book: Book, now: int, *, trace: str = "", wait_seconds: int = 86_400) -> Iterator[QuestionChain]:
    """The chain of every question, one at a time; one without an answer after ``wait_seconds`` is told of."""
    for key, pair in book.chains(("question", "answer")):
        if trace and trace != key:
            continue
        found = [one for one in book.of_key(key, pair) if one.kind in ("question", "answer")]
        for set_id, answer in _ANSWERS.items():
            mine = [one for one in found if one.set in (set_id, answer)]
            if mine:
                yield _chain(key, set_id, mine, now, wait_seconds)


def _chain(key: str, set_id: str, documents: list[Document], now: int, wait_seconds: int) -> QuestionChain:
    asked = [one for one in documents if one.kind == "question"]
    answered = [one for one in documents if one.kind == "answer"]
    chain = QuestionChain(key, set_id, documents[0].pair, documents[0].partner, documents, "open")
    rejected = [code for one in answered for code in one.refs.get("rejected", ())]
    if answered:
        chain.state = "rejected" if rejected else "answered"
        chain.seconds = (answered[0].at - asked[0].at) // 1_000_000 if asked else None
    elif now - asked[0].at > wait_seconds * 1_000_000:
        chain.state = "unanswered"
        chain.differences.append(Difference("unanswered", says=f"no {_ANSWERS[set_id]} came"))
    if rejected:
        chain.differences.append(
            Difference("rejected", found=", ".join(rejected), says="the answer refuses the question")
        )
    if not asked:
        chain.differences.append(Difference("no-question", says="answered, but no question is known"))
    return chain
