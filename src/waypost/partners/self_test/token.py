"""Tokens of partners for the self-test: made here once, kept as a digest.

A token has 192 bits from the system's source of randomness, so that its plain SHA-256 can be kept in a file that many
may read: nobody finds it by trying.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import date

from waypost.agreements.declaration import SelfTestAccessOptions
from waypost.agreements.load import Partner

_LINE = re.compile(r"^(  token: *)[\"']?sha256:[0-9a-f]{64}[\"']?", re.MULTILINE)
_NOBODY = "sha256:" + 64 * "0"


def new_token() -> str:
    """A token nobody else has."""
    return secrets.token_urlsafe(24)


def digest_of(token: str) -> str:
    """What is kept of it."""
    return f"sha256:{hashlib.sha256(token.encode('utf-8', 'surrogateescape')).hexdigest()}"


def allowed(partner: Partner | None, token: str, today: date) -> bool:
    """Whether a token is the partner's; an unknown partner takes as long as a known one."""
    access = partner.options.self_test if partner is not None else None
    same = hmac.compare_digest(digest_of(token), access.token if access is not None else _NOBODY)
    return same and access is not None and not _over(access, today)


def _over(access: SelfTestAccessOptions, today: date) -> bool:
    return bool(access.valid_until) and today.isoformat() > access.valid_until


def with_digest(text: str, digest: str) -> str | None:
    """A partner's file with another digest in it; None where it has a ``self_test`` of another shape."""
    if _LINE.search(text):
        return _LINE.sub(lambda found: found[1] + digest, text, count=1)
    if re.search(r"^self_test\b", text, re.MULTILINE):
        return None
    return f"{text.rstrip()}\nself_test:\n  token: {digest}\n"
