"""Who calls: the TLS client certificate of a partner, as the proxy before the listener hands it on.

The listener is on loopback and has a proxy with TLS before it. The proxy asks callers for a certificate, takes whatever
they send under the header's name away, and puts the certificate there: as RFC 9440 says (``Client-Cert: :BASE64:``), or
as percent-encoded PEM, which is what nginx can write. A partner is known by the certificate itself, as with signatures.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from waypost.as2.certificate import Credential

_MOST = 32 << 10


def why_not_known(headers: Mapping[str, str], header: str, certificates: Sequence[Credential], now: datetime) -> str:
    """Why the caller is not the partner that has one of these certificates now; empty if it is."""
    from waypost.as2.certificate import Use, reasons, usable

    shown = headers.get(header.lower(), "").strip()
    if not shown:
        return "it showed no client certificate"
    presented = _der(shown)
    if presented is None:
        return f"header {header} holds no certificate"
    mine = [each for each in certificates if each.der == presented]
    if not mine:
        return "its client certificate is not the partner's"
    if next(usable(mine, Use.VERIFY, now), None) is None:
        return f"its client certificate cannot be used: {reasons(mine, Use.VERIFY, now)}"
    return ""


def _der(shown: str) -> bytes | None:
    """The certificate in a header; None where there is none, or more than one."""
    if len(shown) > _MOST:
        return None
    try:
        if shown.startswith(":") and shown.endswith(":") and len(shown) > 2:  # RFC 8941 section 3.3.5
            return base64.b64decode(shown[1:-1], validate=True)
        lines = unquote(shown).split()
        text = " ".join(lines)
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        if text.startswith(begin) and text.endswith(end) and text.count(begin) == 1:
            return base64.b64decode(text[len(begin) : -len(end)].replace(" ", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return None
