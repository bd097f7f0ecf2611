"""The AS2 headers of a request (RFC 4130 section 6), read from hostile input and written for a partner."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from waypost.as2.failure import As2Error, Disposition
from waypost.as2.limits import LIMITS, Limits
from waypost.as2.mime import check_headers
from waypost.core.errors import ConfigurationRefused

VERSION = "1.2"
_BROKEN = Disposition.UNEXPECTED_PROCESSING_ERROR
_ATOM = re.compile(r"[!#-\[\]-~]{1,128}")
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_UNFOLD = re.compile(r"\r?\n[ \t]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRequest:
    """The receipt a sender asks for. ``micalgs`` in its order of preference; ``address`` if it is to be sent there."""

    signed: bool = False
    signed_required: bool = False
    """It wants a signed receipt or none."""
    micalgs: tuple[str, ...] = ()
    micalg_required: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Who sends what to whom. Names are without quotes; they are compared with case, as RFC 4130 says."""

    sender: str
    receiver: str
    message_id: str
    subject: str = ""
    receipt: ReceiptRequest | None = None


def read_name(text: str, header: str) -> str:
    """An AS2 name without its quotes: 1 to 128 printable characters, with spaces only if quoted."""
    text = text.strip()
    quoted = _QUOTED.fullmatch(text)
    name = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text
    if not 1 <= len(name) <= 128 or (quoted is None and not _ATOM.fullmatch(text)):
        raise As2Error(_BROKEN, f"found {text[:140]!r}", where=header, expected="1 to 128 characters, spaces quoted")
    return name


def write_name(name: str) -> str:
    """An AS2 name as a header value, quoted where it must be. ``ConfigurationRefused`` if it cannot be one."""
    if _ATOM.fullmatch(name):
        return name
    quoted = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    if not 1 <= len(name) <= 128 or not _QUOTED.fullmatch(quoted):
        raise ConfigurationRefused(
            f"found {name[:140]!r}", where="as2 name", expected="1 to 128 printable ASCII characters"
        )
    return quoted


def read_head(headers: Iterable[tuple[str, str]], limits: Limits = LIMITS) -> Head:
    """The AS2 headers of a request; an ``As2Error`` names the one that is missing, doubled or malformed."""
    kept = tuple(headers)
    check_headers(kept, limits)
    found: dict[str, str] = {}
    for name, value in kept:
        key = name.lower()
        if key in found and key in ("as2-from", "as2-to", "message-id", "content-type"):
            raise As2Error(_BROKEN, "the header is there twice", where=key, expected="one")
        found.setdefault(key, _UNFOLD.sub(" ", value).strip())
    for key in ("as2-from", "as2-to", "message-id"):
        if not found.get(key):
            raise As2Error(_BROKEN, "the header is missing", where=key, expected="an AS2 request")
    message_id = found["message-id"]
    if len(message_id) > 998 or not (message_id.isascii() and message_id.isprintable()):
        raise As2Error(_BROKEN, f"found {message_id[:80]!r}", where="message-id", expected="≤ 998 ASCII characters")
    return Head(
        sender=read_name(found["as2-from"], "as2-from"),
        receiver=read_name(found["as2-to"], "as2-to"),
        message_id=message_id,
        subject=found.get("subject", ""),
        receipt=_receipt_request(found),
    )


def _receipt_request(found: Mapping[str, str]) -> ReceiptRequest | None:
    if not found.get("disposition-notification-to"):
        return None
    options: dict[str, list[str]] = {}
    for item in found.get("disposition-notification-options", "").split(";"):
        name, _, values = item.partition("=")
        options[name.strip().lower()] = [value.strip().strip('"') for value in values.split(",") if value.strip()]
    protocol, micalgs = options.get("signed-receipt-protocol", []), options.get("signed-receipt-micalg", [])
    return ReceiptRequest(
        signed=any(value.lower() == "pkcs7-signature" for value in protocol[1:]),
        signed_required=protocol[:1] == ["required"],
        micalgs=tuple(micalgs[1:]),
        micalg_required=micalgs[:1] == ["required"],
        address=found.get("receipt-delivery-option", ""),
    )


def write_head(head: Head, *, reply_to: str = "waypost") -> dict[str, str]:
    """The AS2 headers of a request."""
    headers = {
        "AS2-Version": VERSION,
        "AS2-From": write_name(head.sender),
        "AS2-To": write_name(head.receiver),
        "Message-ID": head.message_id,
        "MIME-Version": "1.0",
    }
    if head.subject:
        headers["Subject"] = "".join(c if c.isascii() and c.isprintable() else "?" for c in head.subject)
    wanted = head.receipt
    if wanted is None:
        return headers
    headers["Disposition-Notification-To"] = reply_to
    if wanted.signed or wanted.micalgs:
        how = "required" if wanted.signed_required else "optional"
        how_mic = "required" if wanted.micalg_required else "optional"
        parts = [f"signed-receipt-protocol={how}, pkcs7-signature"] if wanted.signed else []
        parts += [f"signed-receipt-micalg={how_mic}, {', '.join(wanted.micalgs)}"] if wanted.micalgs else []
        headers["Disposition-Notification-Options"] = "; ".join(parts)
    if wanted.address:
        headers["Receipt-Delivery-Option"] = wanted.address
    return headers
