"""Claims are followed to their payment and posting, questions to their answers; what differs is explained."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tests.unit.formats.edi_health import CONVERSATION, PEOPLE, enveloped, interchange
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.redact.redactor import Redactor
from waypost.formats.edi.schema.load import library
from waypost.reconcile.chain.book import Book
from waypost.reconcile.chain.claims import ClaimChain, claim_chains, explained
from waypost.reconcile.chain.entry import Entered, Reader, enter
from waypost.reconcile.chain.health import CLAIMS, QUESTIONS
from waypost.reconcile.chain.questions import QuestionChain, question_chains
from waypost.reconcile.chain.reading import Source, moment

SOON, LATE = moment("20260320"), moment("20260601")
SYNTAX = (
    "ST*999*0901*005010X231A1\nAK1*HC*417*005010X222A1\nAK2*837*0417*005010X222A1\nIK5*{code}\n"
    "AK9*{code}*1*1*1\nSE*?*0901"
)
ATTACHED = "ST*275*0031*005010\nBGN*11*ATT1*20260316\nTRN*1*{trace}\nBIN*5*HELLO\nSE*?*0031"


def entered(book: Book, readers: Mapping[str, Reader], *contents: bytes, source: Source = Source("a file")) -> None:
    for content in contents:
        enter(book, readers, [content], source, Entered())


def claims(*contents: bytes, now: int = SOON, unpaid_days: int = 30) -> dict[str, ClaimChain]:
    with Book() as book:
        entered(book, CLAIMS, *contents)
        return {chain.claim: chain for chain in claim_chains(book, now, unpaid_days=unpaid_days)}


def whats(chain: ClaimChain) -> list[str]:
    return [one.what for one in chain.differences]


def acknowledged(code: str) -> bytes:
    return enveloped("FA", "005010X231A1", SYNTAX.format(code=code))


FIRST, SECOND = PEOPLE["claim"], PEOPLE["claim_2"]


def test_a_claim_is_followed_to_its_payment() -> None:
    attached = enveloped("PI", "005010", ATTACHED.format_map(PEOPLE))
    contents = [interchange(name) for name in ("835", "277", "276", "277CA", "837")]
    found = claims(acknowledged("A"), attached, *contents)
    chain = found[FIRST]
    assert [one.kind for one in chain.documents] == [
        "claim", "syntax", "receipt", "attachment", "inquiry", "status", "remittance",
    ]  # fmt: skip
    assert (chain.billed, chain.paid, chain.patient, chain.status) == (350, 210, 40, "F1:65")
    assert chain.adjustments == {"CO-45": 50, "PR-2": 40, "CO-97": 50}
    assert explained(chain) == ["CO (contractual) 45 50, 97 50", "PR (the patient's) 2 40"]
    first, second = chain.lines
    assert (first.number, first.charged, first.paid, first.adjustments) == ("L1", 200, 130, {"CO-45": 30, "PR-2": 40})
    assert (second.number, second.paid) == ("L2", 80) and chain.state == "partly paid" and not chain.troubled


def test_a_denied_claim_and_a_denied_line_are_told() -> None:
    found = claims(interchange("837"), interchange("835"))
    assert found[SECOND].state == "denied" and whats(found[SECOND]) == ["denied"]
    text = CONVERSATION["835"][2].replace("SVC*HC:73502*150*80**1", "SVC*HC:73502*150*0**1")
    text = text.replace("CAS*CO*45*20*1*97*50", "CAS*CO*97*150").replace("*350*210*40", "*350*130*40")
    payment = enveloped("HP", "005010X221A1", text.replace("*I*210*", "*I*130*").format_map(PEOPLE))
    chain = claims(interchange("837"), payment)[FIRST]
    assert whats(chain) == ["denied-line"] and chain.differences[0].line == "L2" and chain.differences[0].by == "CO-97"


def test_a_set_or_a_claim_that_was_refused_is_told() -> None:
    chain = claims(interchange("837"), acknowledged("R"))[FIRST]
    assert chain.state == "rejected" and whats(chain) == ["rejected"]
    found = claims(interchange("837"), interchange("277CA"))
    assert (found[FIRST].state, found[SECOND].state) == ("accepted", "rejected")
    assert claims(interchange("837"), acknowledged("A"), now=LATE)[FIRST].state == "unpaid"


def test_another_groups_acknowledgement_is_not_taken() -> None:
    other = enveloped("FA", "005010X231A1", SYNTAX.format(code="R").replace("*417*", "*418*"))
    assert claims(interchange("837"), other)[FIRST].state == "submitted"
    set_ = enveloped("FA", "005010X231A1", SYNTAX.format(code="R").replace("837*0417", "837*0418"))
    assert claims(interchange("837"), set_)[FIRST].state == "submitted"


def test_a_claim_nobody_pays_is_told_after_so_many_days() -> None:
    assert whats(claims(interchange("837"), now=moment("20260414"))[FIRST]) == []
    assert whats(claims(interchange("837"), now=moment("20260415"))[FIRST]) == ["unpaid"]
    assert whats(claims(interchange("837"), now=moment("20260415"), unpaid_days=60)[FIRST]) == []


def test_a_payment_that_does_not_add_up_is_told() -> None:
    wrong = interchange("835").replace(b"*1*350*210*40*", b"*1*360*210*40*")
    assert whats(claims(interchange("837"), wrong)[FIRST]) == ["billed", "balance"]
    assert whats(claims(interchange("835"))[FIRST]) == ["no-claim"]
    strange = interchange("835").replace(b"HC:73502", b"HC:99999")
    assert "line" in whats(claims(interchange("837"), strange)[FIRST])


def test_a_reversal_takes_back_what_was_paid() -> None:
    text = CONVERSATION["835"][2].replace("{claim}*1*350*210*40", "{claim}*22*-350*-210*-40").replace("{check}", "EFT9")
    back = enveloped("HP", "005010X221A1", text.format_map(PEOPLE)).replace(b"*20260315*0930*", b"*20260501*0930*")
    chain = claims(interchange("837"), interchange("835"), back)[FIRST]
    assert (chain.paid, chain.state) == (0, "reversed")


def test_claims_of_one_number_of_two_providers_are_two_chains() -> None:
    other = interchange("837").replace(b"1234567893", b"1003000126")
    with Book() as book:
        entered(book, CLAIMS, interchange("837"), other, interchange("835"))
        found = [chain for chain in claim_chains(book, SOON) if chain.claim == FIRST]
    assert [(chain.provider, chain.paid) for chain in found] == [("1234567893", 210), ("1003000126", 0)]


def test_what_the_store_did_with_a_payment_is_its_posting() -> None:
    with Book() as book:
        entered(book, CLAIMS, interchange("837"))
        entered(
            book, CLAIMS, interchange("835"), source=Source("m1", LATE, "m1", "post-payments", "delivered", "granite")
        )
        chain = next(iter(claim_chains(book, LATE)))
    assert chain.posting == "post-payments delivered"


def questions(*contents: bytes, now: int = SOON) -> list[QuestionChain]:
    with Book() as book:
        entered(book, QUESTIONS, *contents)
        return list(question_chains(book, now))


def test_questions_meet_their_answers_by_trace() -> None:
    answered = interchange("271").replace(b"*20260315*0930*417", b"*20260315*0931*417")
    found = questions(interchange("270"), answered, interchange("276"), interchange("277"), interchange("277CA"))
    assert {(chain.set, chain.state, chain.seconds) for chain in found} == {
        ("270", "answered", 60), ("276", "answered", 0),
    }  # fmt: skip
    assert [chain.state for chain in questions(interchange("270"), now=moment("20260315", "1000"))] == ["open"]
    assert [chain.state for chain in questions(interchange("270"), now=LATE)] == ["unanswered"]


def test_an_answer_that_refuses_is_told() -> None:
    text = CONVERSATION["271"][2].replace("EB*1**30\nMSG*{note}\n", "").replace(
        "N3*{street}\nN4*{city}*NH*{zip}\nDMG*D8*{birth}*F\nDTP*346*D8*20260101\n", "AAA*N**75*C\n"
    )  # fmt: skip
    (chain,) = questions(interchange("270"), enveloped("HB", "005010X279A1", text.format_map(PEOPLE)))
    assert chain.state == "rejected" and chain.differences[0].found == "75"


def test_a_review_is_a_question_and_its_answer_in_one_set() -> None:
    asked = "ST*278*0001*005010X217\nBHT*0007*13*R1*20260315*0930\nHL*1**20*1\nTRN*1*T55*9ABC\nUM*HS*I\nSE*?*0001"
    told = (
        "ST*278*0002*005010X217\nBHT*0007*11*R1*20260315*0931*18\nHL*1**20*1\nTRN*2*T55*9ABC\nHCR*A1*AUTH1\nSE*?*0002"
    )
    (chain,) = questions(*(enveloped("HI", "005010X217", text) for text in (asked, told)))
    assert chain.state == "answered" and chain.documents[1].code == "A1"


def test_redacted_conversations_have_the_same_chains() -> None:
    redactor = Redactor(b"a secret of the tests", Schemas(library()))
    contents = [b"".join(redactor.content([interchange(name)])) for name in ("837", "277CA", "276", "277", "835")]
    plain = claims(*(interchange(name) for name in ("837", "277CA", "276", "277", "835")), now=0)
    hidden = claims(*contents, now=0)

    def shape(chain: ClaimChain) -> tuple[str, Decimal | None, Decimal, list[str], list[str]]:
        return chain.state, chain.billed, chain.paid, whats(chain), [one.kind for one in chain.documents]

    assert sorted(map(str, map(shape, plain.values()))) == sorted(map(str, map(shape, hidden.values())))
    assert not set(plain) & set(hidden)
