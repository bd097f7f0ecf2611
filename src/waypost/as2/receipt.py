"""Receipts: the Message Disposition Notifications (RFC 8098) that answer AS2 messages, written and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from waypost.as2.algorithm import Digest, preferred_digest
from waypost.as2.certificate import Credential, Use, choose
from waypost.as2.failure import As2Error, Disposition
from waypost.as2.header import VERSION, Head, write_name
from waypost.as2.incoming import Terms
from waypost.as2.limits import LIMITS, Limits
from waypost.as2.mic import Mic, read_mic
from waypost.as2.mime import (
    Entity,
    canonical_pieces,
    entity_of,
    parse_entity,
    signed_forms,
    split_parts,
    write_multipart,
)
from waypost.as2.outgoing import signed_entity
from waypost.as2.signature import Verifier, verify
from waypost.as2.transfer import cms_bytes
from waypost.core.content import Content, Spool
from waypost.core.errors import ContractError

_BROKEN = Disposition.UNEXPECTED_PROCESSING_ERROR
_MODE = "automatic-action/MDN-sent-automatically"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said of a message: the disposition, the check where it got that far, and a text for people."""

    disposition: Disposition
    mic: Mic | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt that came in. ``disposition`` is None for one no standard names; ``said`` is its wording."""

    original_message_id: str
    accepted: bool
    disposition: Disposition | None
    said: str
    mic: Mic | None = None
    text: str = ""
    signer: Credential | None = None


def write_receipt(
    head: Head, answer: Answer, *, ours: Sequence[Credential], now: datetime, message_id: str, legacy: bool = False
) -> tuple[dict[str, str], bytes]:
    """Headers and body of the receipt for the message with that head, signed if its sender asked for it.

    ``ConfigurationRefused`` if it must be signed and none of our certificates can.
    """
    boundary, body = write_multipart([_explanation(answer), _notification(head, answer)])
    kind = f'multipart/report; report-type=disposition-notification; boundary="{boundary}"'
    headers: Mapping[str, str] = {"Content-Type": kind}
    wanted = head.receipt
    if wanted is not None and wanted.signed:
        signer = choose(ours, Use.SIGN, now)
        spelled, digest = preferred_digest(wanted.micalgs, legacy=legacy) or (Digest.SHA256.value, Digest.SHA256)
        signed = signed_entity(headers, body, signer=signer, digest=digest, micalg=spelled, now=now)
        headers, body = signed.headers, signed.body
    addressed = {
        "AS2-Version": VERSION,
        "AS2-From": write_name(head.receiver),
        "AS2-To": write_name(head.sender),
        "Message-ID": message_id,
        "Date": format_datetime(now),
        "MIME-Version": "1.0",
    }
    return {**addressed, **headers}, body.whole()


def _explanation(answer: Answer) -> Content:
    text = answer.text or f"The message was {'received' if answer.disposition.accepted else 'refused'}."
    plain = "".join(c if c.isascii() and (c.isprintable() or c == "\n") else "?" for c in text)
    head = b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    return Content.of(head + b"".join(canonical_pieces([plain.encode()])) + b"\r\n")


def _notification(head: Head, answer: Answer) -> Content:
    fields = {
        "Reporting-UA": "Waypost",
        "Original-Recipient": f"rfc822; {write_name(head.receiver)}",
        "Final-Recipient": f"rfc822; {write_name(head.receiver)}",
        "Original-Message-ID": head.message_id,
        "Disposition": f"{_MODE}; {answer.disposition.value}",
    }
    if answer.mic is not None:
        fields["Received-Content-MIC"] = str(answer.mic)
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    head_lines = b"Content-Type: message/disposition-notification\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    return Content.of(head_lines + lines.encode("ascii", "replace"))


def read_receipt(headers: Iterable[tuple[str, str]], body: bytes, terms: Terms) -> Receipt:
    """Read a receipt; ``terms.require_signed`` says whether one without signature is refused with an ``As2Error``."""
    limits = terms.limits
    if len(body) > limits.structure:
        raise As2Error(_BROKEN, f"the receipt takes {len(body)} bytes", expected=f"at most {limits.structure}")
    entity, signer = entity_of(headers, Content.of(body), limits), None
    if entity.content_type.value == "multipart/signed":
        entity, signer = _verified(entity, terms)
    elif terms.require_signed:
        raise As2Error(
            Disposition.INSUFFICIENT_MESSAGE_SECURITY, "the receipt is not signed", expected="a signed receipt"
        )
    if entity.content_type.value != "multipart/report":
        raise As2Error(_BROKEN, f"found {entity.content_type.value[:80]!r}", expected="multipart/report")
    parts = [parse_entity(part, limits) for part in split_parts(entity, limits)]
    wanted = [part for part in parts if part.content_type.value == "message/disposition-notification"]
    if len(wanted) != 1:
        raise As2Error(_BROKEN, f"found {len(wanted)} notifications in the receipt", expected="one")
    text = next((part.body.whole() for part in parts if part.content_type.value == "text/plain"), b"")
    return _receipt(_fields_of(wanted[0], limits), text.decode("utf-8", "replace").strip()[:4096], signer)


def _verified(entity: Entity, terms: Terms) -> tuple[Entity, Credential]:
    parts = split_parts(entity, terms.limits)
    if len(parts) != 2:
        raise As2Error(_BROKEN, f"found {len(parts)} parts in multipart/signed", expected="a report and a signature")
    verifier = Verifier(credentials=terms.partner, now=terms.now, limits=terms.limits, legacy=terms.legacy)
    spool = Spool()  # in memory: a receipt is small
    signature = cms_bytes(parse_entity(parts[1], terms.limits), spool)
    verified = verify(signature, signed_forms(parts[0], spool), verifier, spool)
    return parse_entity(verified.content, terms.limits), verified.credential


def _fields_of(notification: Entity, limits: Limits = LIMITS) -> Entity:
    """The fields of a notification, whose body looks like headers; blank lines between groups are let pass."""
    lines = [line for line in notification.body.whole().splitlines() if line.strip()]
    return parse_entity(Content.of(b"\r\n".join(lines) + b"\r\n\r\n"), limits)


def _receipt(fields: Entity, text: str, signer: Credential | None) -> Receipt:
    said, message_id = fields.get("disposition"), fields.get("original-message-id")
    if not said or not message_id:
        missing = "disposition" if not said else "original-message-id"
        raise As2Error(_BROKEN, "the field is missing", where=missing, expected="a complete receipt")
    outcome = said.partition(";")[2].strip()
    kind, _, modifier = outcome.partition("/")
    modifier = modifier.partition(":")[0].strip().lower()
    mic = fields.get("received-content-mic")
    return Receipt(
        original_message_id=message_id,
        accepted=kind.strip().lower() == "processed" and modifier in ("", "warning"),
        disposition=_known(outcome),
        said=said,
        mic=read_mic(mic) if mic else None,
        text=text,
        signer=signer,
    )


def _known(outcome: str) -> Disposition | None:
    plain = "".join(outcome.lower().split())
    return next((d for d in Disposition if "".join(d.value.lower().split()) == plain), None)


def judge(receipt: Receipt, *, message_id: str, mic: Mic) -> ContractError | None:
    """None if the receipt proves that the partner has the very bytes that were sent; else why it does not."""
    where = f"receipt for {message_id}"
    if receipt.original_message_id.strip("<> ") != message_id.strip("<> "):
        return ContractError(
            f"it answers {receipt.original_message_id[:200]}", where=where, expected="a receipt for this message"
        )
    if not receipt.accepted:
        said = f"the partner answered {receipt.said[:200]!r}"
        return ContractError(f"{said}: {receipt.text[:400]}" if receipt.text else said, where=where)
    if receipt.mic is None:
        return ContractError("it says nothing of what was received", where=where, expected=f"the check {mic}")
    if not receipt.mic.same(mic):
        return ContractError(
            f"the partner received other bytes: {receipt.mic}", where=where, expected=str(mic),
            remedy="compare what was sent with what the partner has; see the quirks of the agreement",
        )  # fmt: skip
    return None
