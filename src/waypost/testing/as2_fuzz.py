"""``python -m waypost.testing.as2_fuzz SECONDS [SEED]``: hostile AS2 messages and receipts, and a count of them.

Sound messages of every kind are damaged at random, outside and inside their encryption, and read. An ``As2Error`` is
right; any other exception ends the run with 1 and prints the message that caused it. The seed
chooses the damage; keys and boundaries are new in each run.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from waypost.as2.algorithm import Cipher, Digest
from waypost.as2.certificate import Use, choose
from waypost.as2.envelope import encrypt
from waypost.as2.failure import As2Error, Disposition
from waypost.as2.header import Head, ReceiptRequest, read_head, write_head
from waypost.as2.incoming import open_message
from waypost.as2.limits import Limits
from waypost.as2.mic import mic_of
from waypost.as2.mime import parse_entity
from waypost.as2.outgoing import Compression, Protection, build
from waypost.as2.receipt import Answer, read_receipt, write_receipt
from waypost.core.content import Content, Spool
from waypost.testing.as2_people import ACME, GLOBEX, NOW, ORDER, public, terms

_LIMITS = Limits(content=1 << 20)
HEAD = Head(
    sender="Acme Corp", receiver="globex", message_id="<1@acme>", subject="orders",
    receipt=ReceiptRequest(signed=True, micalgs=("sha-256", "sha1")),
)  # fmt: skip
_PROTECTIONS = (
    Protection(sign=None, encrypt=None),
    Protection(encrypt=None),
    Protection(encrypt=None, transfer_encoding="base64", pss=True),
    Protection(encrypt=None, opaque=True),
    Protection(sign=None),
    Protection(sign=None, encrypt=Cipher.AES256_GCM, oaep=True),
    Protection(sign=None, encrypt=None, compress=Compression.BEFORE_SIGN),
    Protection(sign=Digest.SHA512, compress=Compression.BEFORE_ENCRYPT),
)
_TOKENS = (
    b"\r\n", b"\r\n\r\n", b"--", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x00\x00", b"\x24\x80", b"\xa0\x80",
    b"Content-Type: multipart/signed; boundary=x\r\n", b"Content-Type: application/pkcs7-mime\r\n\r\n", b"\x31",
    b"Content-Transfer-Encoding: base64\r\n", b"\x06\x09*\x86H\x86\xf7\r\x01\x07\x02", b"=?", b"%", b'"',
    b"\x02\x01\x00",
)  # fmt: skip


def sound_messages() -> list[bytes]:
    """Messages and receipts as whole requests, headers and body, none of them at fault."""
    made = []
    for protection in _PROTECTIONS:
        built = build(ORDER, protection, ours=(ACME,), partner=(public(GLOBEX),), now=NOW)
        made.append(_request({**write_head(HEAD), **built.headers}, built.body))
    answer = Answer(disposition=Disposition.PROCESSED, mic=mic_of(Content.of(ORDER.content), Digest.SHA256))
    for request in (HEAD.receipt, ReceiptRequest()):
        head = Head(sender="globex", receiver="Acme Corp", message_id="<1@globex>", receipt=request)
        made.append(_request(*write_receipt(head, answer, ours=(ACME,), now=NOW, message_id="<2@acme>")))
    return made


def _request(headers: dict[str, str], body: bytes) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n" + body


def mutant(chance: random.Random, sound: Sequence[bytes]) -> bytes:
    """One message, damaged in one to four places; now and then the damage is inside an envelope that is sound."""
    made = bytearray(chance.choice(sound))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(made) + 1)
        match chance.randrange(6):
            case 0:
                made[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del made[at : at + chance.choice((1, 2, 16, 400))]
            case 2:
                made[at:at] = chance.choice(_TOKENS)
            case 3:
                other = chance.choice(sound)
                start = chance.randrange(len(other))
                made[at : at + chance.randrange(200)] = other[start : start + chance.randrange(400)]
            case 4:
                made[at:at] = chance.choice(_TOKENS) * chance.choice((2, 50, 1500))
            case _:
                made[at : at + 1] = bytes([(made[at] ^ (1 << chance.randrange(8))) if at < len(made) else 0])
    if chance.randrange(20) == 0:
        recipient = choose((public(GLOBEX),), Use.ENCRYPT, NOW)
        sealed = encrypt(Content.of(bytes(made)), recipient, Cipher.AES128_CBC, Spool())
        return _request({**write_head(HEAD), "Content-Type": "application/pkcs7-mime"}, sealed.whole())
    return bytes(made)


def read_all(request: bytes) -> int:
    """Read it as a message and as a receipt; how many of the readers took it. Raises nothing but a defect of ours."""
    taken = 0
    try:
        entity = parse_entity(Content.of(request), _LIMITS)
        body = entity.body.whole()
    except As2Error:
        return taken
    judged = terms(limits=_LIMITS)
    for read in (
        lambda: read_head(entity.headers, _LIMITS),
        lambda: open_message(entity.headers, body, judged),
        lambda: read_receipt(entity.headers, body, judged),
    ):
        try:
            read()
            taken += 1
        except As2Error:
            pass  # what is to happen
    return taken


@dataclass
class Run:
    """What a run did."""

    executions: int = 0
    taken: int = 0
    slowest_seconds: float = 0.0
    defect: bytes | None = None


def run(seconds: float, seed: int) -> Run:
    """Fuzz for so long. Ends at the first defect, with its message."""
    chance, sound, done = random.Random(seed), sound_messages(), Run()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.process_time()  # of the processor: a machine that is busy is no hang
        request = mutant(chance, sound)
        try:
            done.taken += read_all(request)
        except Exception:  # noqa: BLE001 - whatever it is, it is the finding
            done.defect = request
            return done
        done.executions += 1
        done.slowest_seconds = max(done.slowest_seconds, time.process_time() - begun)
    return done


def main(arguments: Sequence[str]) -> int:
    """Run as the module says; 0, or 1 with a defect, or 2 if called in another way."""
    if not 1 <= len(arguments) <= 2 or not all(a.isdecimal() for a in arguments):
        sys.stderr.write("usage: python -m waypost.testing.as2_fuzz SECONDS [SEED]\n")
        return 2
    seconds, seed = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 1
    done = run(seconds, seed)
    sys.stdout.write(
        f"seed {seed}, {seconds} s: {done.executions} executions, {done.taken} readings taken, "
        f"slowest {done.slowest_seconds * 1000:.0f} ms, {'1 DEFECT' if done.defect is not None else 'no defect'}\n"
    )
    if done.defect is None:
        return 0
    sys.stdout.write(f"{done.defect!r}\n")
    read_all(done.defect)  # shows where
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
