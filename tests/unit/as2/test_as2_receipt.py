"""AS2 receipts: written, read, and judged against what was sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from waypost.as2.algorithm import Digest
from waypost.as2.failure import As2Error, Disposition
from waypost.as2.header import Head, ReceiptRequest
from waypost.as2.limits import Limits
from waypost.as2.mic import Mic, mic_of, read_mic
from waypost.as2.receipt import Answer, Receipt, judge, read_receipt, write_receipt
from waypost.core.content import Content
from waypost.testing.as2_people import ACME, GLOBEX, NOW, make_credential, public, terms

MIC = mic_of(Content.of(b"what was sent"), Digest.SHA256)
SIGNED = ReceiptRequest(signed=True, micalgs=("sha-256",))
HEAD = Head(sender="Globex Inc", receiver="acme", message_id="<7@globex>", receipt=SIGNED)


def written(disposition: Disposition = Disposition.PROCESSED, **changed: object) -> tuple[dict[str, str], bytes]:
    """Acme's receipt for a message of Globex."""
    head = replace(HEAD, receipt=changed.pop("receipt", SIGNED))
    answer = Answer(disposition=disposition, mic=MIC, text="All is well.")
    given = {"ours": (ACME,), "now": NOW, "message_id": "<8@acme>", **changed}
    return write_receipt(head, answer, **given)  # type: ignore[arg-type]


def read(made: tuple[dict[str, str], bytes], **changed: object) -> Receipt:
    return read_receipt(made[0].items(), made[1], terms(**changed))


@pytest.mark.parametrize("disposition", list(Disposition))
@pytest.mark.parametrize("request_", [SIGNED, None])
def test_a_receipt_reads_as_it_was_written(disposition: Disposition, request_: ReceiptRequest | None) -> None:
    headers, body = made = written(disposition, receipt=request_)
    assert (headers["AS2-From"], headers["AS2-To"]) == ("acme", '"Globex Inc"')
    got = read(made, require_signed=request_ is not None)
    assert (got.disposition, got.accepted) == (disposition, disposition.accepted)
    assert (got.original_message_id, got.mic, got.text) == ("<7@globex>", MIC, "All is well.")
    assert (got.signer is not None) == (request_ is not None) == (b"pkcs7-signature" in body)


def test_a_receipt_is_signed_with_the_first_digest_asked_for_that_we_can_do() -> None:
    headers, _ = written(receipt=ReceiptRequest(signed=True, micalgs=("md5", "SHA384", "sha-1")))
    assert "micalg=SHA384" in headers["Content-Type"]


def test_an_unsigned_receipt_is_refused_where_a_signed_one_was_asked_for() -> None:
    with pytest.raises(As2Error) as caught:
        read(written(receipt=None), require_signed=True)
    assert caught.value.disposition is Disposition.INSUFFICIENT_MESSAGE_SECURITY


def test_a_receipt_that_was_changed_or_signed_by_another_is_refused() -> None:
    headers, body = written(Disposition.DECRYPTION_FAILED)
    with pytest.raises(As2Error) as caught:
        read((headers, body.replace(b"processed/error: decryption-failed", b"processed")))
    assert caught.value.disposition is Disposition.INTEGRITY_CHECK_FAILED
    with pytest.raises(As2Error) as caught:
        read(written(ours=(make_credential("mallory", serial=33),)))
    assert caught.value.disposition is Disposition.AUTHENTICATION_FAILED


def test_a_receipt_signed_with_a_certificate_out_of_use_is_refused() -> None:
    closed = replace(ACME, use_until=NOW)
    with pytest.raises(As2Error, match="is not used since"):
        read(written(), partner=(closed,))
    assert read(written(), partner=(closed, ACME)).accepted


@pytest.mark.parametrize(
    ("said", "accepted", "disposition"),
    [
        ("automatic-action/MDN-sent-automatically; processed", True, Disposition.PROCESSED),
        ("automatic-action/MDN-sent-automatically;PROCESSED/Warning: duplicate-document", True,
         Disposition.DUPLICATE_DOCUMENT),
        ("manual-action/MDN-sent-manually; processed/warning: we are curious", True, None),
        ("automatic-action/MDN-sent-automatically; processed/Error: Authentication-Failed", False,
         Disposition.AUTHENTICATION_FAILED),
        ("automatic-action/MDN-sent-automatically; failed/Failure: unsupported format", False,
         Disposition.UNSUPPORTED_FORMAT),
        ("automatic-action/MDN-sent-automatically; processed/error", False, None),
        ("nonsense", False, None),
    ],
)  # fmt: skip
def test_dispositions_are_read_in_every_spelling(said: str, accepted: bool, disposition: Disposition | None) -> None:
    headers, body = written(receipt=None)
    body = body.replace(b"automatic-action/MDN-sent-automatically; processed", said.encode())
    got = read((headers, body))
    assert (got.accepted, got.disposition, got.said) == (accepted, disposition, said)


@pytest.mark.parametrize("missing", [b"Disposition: ", b"Original-Message-ID: "])
def test_a_receipt_without_what_it_is_for_is_refused(missing: bytes) -> None:
    headers, body = written(receipt=None)
    with pytest.raises(As2Error, match=missing.decode().strip(": ").lower()):
        read((headers, body.replace(missing, b"X-Gone: ")))


def test_a_receipt_larger_than_the_limit_is_not_read() -> None:
    with pytest.raises(As2Error, match="at most 500"):
        read(written(), limits=Limits(structure=500))


def test_text_from_outside_cannot_add_fields_to_a_receipt() -> None:
    answer = Answer(disposition=Disposition.PROCESSED, text="x\nDisposition: é\x00")
    headers, body = write_receipt(HEAD, answer, ours=(ACME,), now=NOW, message_id="<8@acme>")
    assert read((headers, body)).disposition is Disposition.PROCESSED and body.isascii()


# ── what a receipt proves ────────────────────────────────────────────────────────────────────────────────────────

GOOD = Receipt(
    original_message_id="<7@globex>", accepted=True, disposition=Disposition.PROCESSED, said="processed", mic=MIC
)


def test_a_receipt_proves_delivery_only_with_the_right_check() -> None:
    assert judge(GOOD, message_id="<7@globex>", mic=MIC) is None
    assert judge(replace(GOOD, mic=replace(MIC, spelled="SHA256")), message_id="<7@globex>", mic=MIC) is None


@pytest.mark.parametrize(
    ("receipt", "said"),
    [
        (replace(GOOD, original_message_id="<other>"), "expected a receipt for this message"),
        (replace(GOOD, accepted=False, said="processed/error: x", text="call us"), "processed/error: x': call us"),
        (replace(GOOD, mic=None), "says nothing of what was received"),
        (replace(GOOD, mic=mic_of(Content.of(b"something else"), Digest.SHA256)), "received other bytes"),
        (replace(GOOD, mic=mic_of(Content.of(b"what was sent"), Digest.SHA512)), "received other bytes"),
    ],
)
def test_a_receipt_that_proves_nothing_says_why(receipt: Receipt, said: str) -> None:
    error = judge(receipt, message_id="<7@globex>", mic=MIC)
    assert error is not None and said in str(error)


@pytest.mark.parametrize("spelled", ["sha1", "SHA-1", "rsa-sha1", " sha_1"])
def test_a_check_is_read_in_every_spelling(spelled: str) -> None:
    mic = mic_of(Content.of(b"x"), Digest.SHA1, spelled)
    assert read_mic(str(mic)).same(mic)


@pytest.mark.parametrize("text", ["", "abc", "abc, md5", "a!b, sha1", "é, sha1"])
def test_a_check_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(As2Error):
        read_mic(text)


def test_both_sides_name_each_other() -> None:
    assert GLOBEX.der != ACME.der and isinstance(MIC, Mic)


def test_receipts_are_signed_and_verified_with_the_certificate_whose_time_it_is() -> None:
    successor, change = make_credential("acme", serial=12), NOW + timedelta(days=30)
    old, new = replace(ACME, use_until=change), replace(successor, use_from=change)
    for now, due in ((NOW, ACME), (change, successor)):
        made = written(ours=(new, old), now=now)
        got = read(made, partner=(public(new), public(old)), now=now)
        assert got.signer is not None and got.signer.certificate == due.certificate
        with pytest.raises(As2Error, match="is not used"):
            other = change if now == NOW else NOW
            kept = (replace(public(new), use_from=change), replace(public(old), use_until=change))
            read(made, partner=kept, now=other)
