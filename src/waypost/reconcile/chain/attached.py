"""Links attachments to what they belong to: the claim that announces them, or the request they answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from waypost.formats.edi.attachment import Attachment
from waypost.reconcile.chain.health import CLAIMS
from waypost.reconcile.chain.reading import Source, messages


@dataclass(slots=True)
class Links:
    """Claims and requests by the numbers attachments name: claim, attachment control number, trace, payer's number."""

    claims: dict[str, str] = field(default_factory=dict)
    announced: dict[str, str] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    payer_claims: dict[str, str] = field(default_factory=dict)

    def read(self, pieces: Iterable[bytes], name: str) -> None:
        """Take in the claims (837) and requests (277) of a content."""
        for read in messages(pieces, Source(name)):
            if read.set not in ("837", "277"):
                continue
            for one in CLAIMS[read.set](read):
                if one.kind == "claim":
                    self.claims[one.key] = name
                    self.announced |= dict.fromkeys(one.refs.get("attachment", ()), one.key)
                else:
                    self.requests[one.number] = one.key
                    self.payer_claims |= dict.fromkeys(one.refs.get("payer_claim", ()), one.key)

    def of(self, one: Attachment) -> tuple[str, str]:
        """The claim an attachment belongs to, and by what it was found: ``claim``, ``announced`` (PWK06), ``request``
        (TRN02 of a 277) or ``payer's number``; '' and '' where nothing names it."""
        if one.claim in self.claims:
            return one.claim, "claim"
        for known, value, how in ((self.announced, one.trace, "announced"), (self.requests, one.trace, "request"),
                                  (self.payer_claims, one.payer_claim, "payer's number")):  # fmt: skip
            if value in known:
                return known[value], how
        return "", ""
