"""A known message, signed and encrypted both ways: proof that the certificates exchanged are the ones that both sides
have the keys of.

We send a text signed with our key and encrypted for the partner. Whoever can open it sends the same text back, signed
with its key and encrypted for us. The messages are S/MIME (RFC 8551) in a file; any tool that knows it will do.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from waypost.as2.algorithm import Cipher, Digest
from waypost.as2.certificate import Credential, Use, choose
from waypost.as2.failure import As2Error
from waypost.as2.incoming import Terms, open_message
from waypost.as2.outgoing import Payload, Protection, build
from waypost.core.errors import DataError
from waypost.flow.declared.definition import Project
from waypost.partners.certificate import files_of

MOST_BYTES = 1 << 20
_FIRST = "This is a challenge; send it back signed and encrypted."


@dataclass(frozen=True, slots=True)
class Ends:
    """The certificates of one AS2 connection: ours with their keys, and the partner's."""

    ours: tuple[Credential, ...]
    theirs: tuple[Credential, ...]


@dataclass(frozen=True, slots=True)
class Met:
    """An answer that proves what it should: who signed it, and how it was encrypted."""

    signer: str
    digest: str
    cipher: str

    def data(self) -> dict[str, str]:
        """As plain data."""
        return {"signer": self.signer, "digest": self.digest, "cipher": self.cipher}


def ends_of(project: Project, connection: str) -> Ends:
    """The certificates of a connection. ``ConfigurationRefused`` for one that cannot be read."""
    files, options = files_of(project, connection), project.connections[connection].use.options
    return Ends(tuple(map(files.ours, options.our_certificates)), tuple(map(files.theirs, options.their_certificates)))


def known_text(partner: str, now: datetime) -> bytes:
    """A text that nobody can have known before."""
    return f"{_FIRST}\r\npartner: {partner}\r\nmade: {now:%Y-%m-%dT%H:%M:%SZ}\r\n{secrets.token_hex(16)}\r\n".encode()


def posed(known: bytes, ends: Ends, now: datetime) -> bytes:
    """The challenge as an S/MIME file. ``ConfigurationRefused`` where a certificate cannot be used."""
    protection = Protection(sign=Digest.SHA256, encrypt=Cipher.AES256_CBC, transfer_encoding="base64")
    made = build(Payload(content=known, content_type="text/plain"), protection, ours=ends.ours, partner=ends.theirs,
                 now=now)  # fmt: skip
    kept = {name: value for name, value in made.headers.items() if name.lower().startswith("content-")}
    head = "".join(f"{name}: {value}\r\n" for name, value in {"MIME-Version": "1.0", **kept}.items())
    return f"{head}\r\n".encode() + made.body


def own_keys(ends: Ends, now: datetime) -> None:
    """Signs a text with our key and encrypts it for ourselves, and opens it again. Raises where that fails."""
    public = tuple(Credential(certificate=one.certificate, use_from=one.use_from, use_until=one.use_until)
                   for one in ends.ours)  # fmt: skip
    mine = Ends(ends.ours, public)
    known = known_text("ourselves", now)
    met(posed(known, mine, now), known, mine, now)
    choose(ends.theirs, Use.VERIFY, now)
    posed(known, ends, now)


def met(reply: bytes, known: bytes, ends: Ends, now: datetime) -> Met:
    """What an answer proves. ``DataError`` where it is not the known text, or not signed and encrypted as agreed."""
    if len(reply) > MOST_BYTES:
        raise DataError(f"{len(reply)} bytes", where="challenge", expected="an answer of less than 1 MiB",
                        code="challenge-failed")  # fmt: skip
    headers, body = _parted(reply)
    terms = Terms(ours=ends.ours, partner=ends.theirs, now=now)
    try:
        opened = open_message(headers, body, terms)
    except As2Error as error:
        raise DataError(str(error), where="challenge", remedy="answer with the key of the certificate exchanged",
                        code="challenge-failed") from error  # fmt: skip
    content = opened.parts[0].content if opened.parts else b""
    if _lines(known) != [line for line in _lines(content) if line in set(_lines(known))]:
        raise DataError("the answer is not the text of the challenge", where="challenge",
                        remedy="send back what was decrypted, as it is", code="challenge-failed")  # fmt: skip
    assert opened.verified is not None and opened.cipher is not None  # the terms ask for both
    return Met(str(opened.verified.credential), opened.verified.digest.value, opened.cipher.value)


def _lines(text: bytes) -> list[bytes]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _parted(reply: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of a file."""
    for end in (b"\r\n\r\n", b"\n\n"):
        head, found, body = reply.partition(end)
        if found:
            break
    made: list[tuple[str, str]] = []
    for line in head.decode("latin-1").splitlines():
        if line[:1] in (" ", "\t") and made:
            made[-1] = (made[-1][0], f"{made[-1][1]} {line.strip()}")
        elif ":" in line:
            name, _, value = line.partition(":")
            made.append((name.strip().lower(), value.strip()))
    return made, body
