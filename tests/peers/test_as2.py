"""AS2 with other people's: some of the matrix each time; all of it is ``python -m waypost.testing.as2_matrix``."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from waypost.as2.algorithm import Digest
from waypost.as2.failure import Disposition
from waypost.as2.header import Head, ReceiptRequest, write_head
from waypost.as2.limits import LIMITS
from waypost.as2.mic import mic_of
from waypost.as2.mime import parse_entity
from waypost.as2.outgoing import Built, Protection, build
from waypost.as2.receipt import Answer, judge, read_receipt, write_receipt
from waypost.core.content import Content
from waypost.testing.as2_large import measure
from waypost.testing.as2_matrix import TEXT, Tally, from_waypost, protections, try_all
from waypost.testing.as2_oracles import LibAs2, OpenSsl, OracleRefused, key_pem, pem
from waypost.testing.as2_people import ACME, GLOBEX, NOW, public, terms

HEAD = Head(
    sender="acme", receiver="globex", message_id="<1@acme>",
    receipt=ReceiptRequest(signed=True, signed_required=True, micalgs=("sha-256",)),
)  # fmt: skip


def test_openssl_and_we_read_each_other(openssl_oracle: OpenSsl) -> None:
    tally = Tally()
    chosen = [p for p in protections() if (p.sign, p.encrypt) in (("sha-256", "aes256_gcm"), ("sha-1", "aes128_cbc"))]
    try_all(tally, [openssl_oracle], lambda p: p in chosen[::5])
    assert not tally.failures and tally.tried.total() == 3 * len(chosen[::5]) > 30


def test_openssl_streams_to_us_and_reads_what_we_stream(openssl_oracle: OpenSsl, tmp_path: Path) -> None:
    done = list(measure(3, tmp_path, openssl=True))
    assert len(done) == 5 and all(one.sound for one in done), done


def test_openssl_refuses_what_was_changed(openssl_oracle: OpenSsl) -> None:
    protection = Protection(encrypt=None, transfer_encoding="base64")
    built = build(TEXT, protection, ours=(ACME,), partner=(), now=NOW)
    changed = from_waypost(built).replace(base64.b64encode(b"ISA"), base64.b64encode(b"ISB"))
    with pytest.raises(OracleRefused, match="verification failure"):
        openssl_oracle.open(changed, protection)


def test_libas2_and_we_read_each_other(libas2_oracle: LibAs2) -> None:
    tally = Tally()
    try_all(tally, [libas2_oracle], lambda p: not libas2_oracle.lacks(p, TEXT))
    assert not tally.failures and tally.tried.total() == 60


def test_libas2_reads_our_receipt(libas2_oracle: LibAs2) -> None:
    mic = mic_of(Content.of(TEXT.content), Digest.SHA256)
    head = Head(sender="globex", receiver="acme", message_id="<7@globex>", receipt=HEAD.receipt)
    answer = Answer(disposition=Disposition.PROCESSED, mic=mic)
    headers, body = write_receipt(head, answer, ours=(ACME,), now=NOW, message_id="<8@acme>")
    question = {"mime": _as_mime(headers, body), "verify": {"cert": pem(ACME).decode()}}
    notification = libas2_oracle.ask("receive", question)["notification"]
    assert notification["originalMessageId"] == "<7@globex>" and notification["disposition"]["processed"] is True
    assert notification["receivedContentMic"] == {"mic": base64.b64encode(mic.value).decode(), "algorithm": "sha-256"}


def test_we_read_the_receipt_of_libas2_and_it_proves_delivery(libas2_oracle: LibAs2) -> None:
    protection = Protection(encrypt=None, transfer_encoding="base64")
    built = build(TEXT, protection, ours=(ACME,), partner=(public(GLOBEX),), now=NOW)
    question = {"mime": _as_mime({**write_head(HEAD), **built.headers}, built.body), "agreement": _agreement()}
    entity = parse_entity(Content.of(base64.b64decode(libas2_oracle.ask("receipt", question)["mime"])), LIMITS)
    judged = terms(ours=(ACME,), partner=(public(GLOBEX),), require_signed=True)
    receipt = read_receipt(entity.headers, entity.body.whole(), judged)
    assert judge(receipt, message_id="<1@acme>", mic=built.mic) is None


def _as_mime(headers: dict[str, str], body: bytes) -> str:
    return base64.b64encode(from_waypost(Built(headers, body, mic_of(Content(), Digest.SHA256)))).decode()


def _agreement() -> dict[str, object]:
    """Globex's view of the two, as libas2 wants it."""
    host = {"certificate": pem(GLOBEX).decode(), "privateKey": key_pem(GLOBEX).decode(), "sign": True, "decrypt": False}
    partner = {"certificate": pem(ACME).decode(), "verify": True, "mdn": {"signing": "sha-256"}}
    address = "http://127.0.0.1/as2"
    return {
        "host": {"name": "Globex", "id": "globex", "url": address, "mdn": {"signing": "sha-256"}, **host},
        "partner": {"name": "Acme", "id": "acme", "url": address, **partner},
    }
