"""``python -m waypost.testing.as2_large MEGABYTES [openssl]``: a large message built and opened, and its memory.

A document of that size is compressed, signed and encrypted, and opened again, each with CBC and with GCM. With
``openssl``, the command ``openssl cms`` opens what we built and builds, in a stream (BER), what we open. Ends with 1
where something else came out. The memory is the peak of this process over what it took before the first large message.
"""

from __future__ import annotations

import hashlib
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from waypost.as2.algorithm import Cipher, Digest
from waypost.as2.incoming import OpenedContent, Terms, open_content
from waypost.as2.limits import Limits
from waypost.as2.outgoing import BuiltContent, Compression, Document, Maker, Protection
from waypost.core.content import Content, Spool
from waypost.testing.as2_oracles import key_pem, pem
from waypost.testing.as2_people import ACME, GLOBEX, NOW, public, terms

_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Measured:
    """One way there and back. ``memory_bytes`` is how much the peak rose; ``sound`` whether the same bytes came out."""

    name: str
    seconds: float
    memory_bytes: int
    sound: bool


def document(megabytes: int) -> Iterator[bytes]:
    """Orders and noise, a megabyte at a time: it compresses to about a half."""
    chance = random.Random(1)
    for number in range(megabytes):
        line = b"ISA*00*%012d*PO~\r\n" % number
        yield (line * (_MEGABYTE // 2 // len(line) + 1))[: _MEGABYTE // 2] + chance.randbytes(_MEGABYTE // 2)


def measure(megabytes: int, folder: Path, *, openssl: bool = False) -> Iterator[Measured]:
    """Send a document of that size there and back in every way."""
    judged = terms(limits=Limits(content=4 * (megabytes + 1) * _MEGABYTE))
    spool = Spool(folder)
    _there_and_back(spool.keep([b"small"]), Cipher.AES256_GCM, spool, judged)  # everything is loaded
    content = spool.keep(document(megabytes))
    for cipher in (Cipher.AES256_CBC, Cipher.AES256_GCM):
        yield _measured(f"Waypost, {cipher}", content, partial(_there_and_back, content, cipher, spool, judged))
    if openssl:
        peer = _OpenSsl(folder)
        for cipher in (Cipher.AES256_CBC, Cipher.AES256_GCM):
            yield _measured(
                f"openssl -stream to Waypost, {cipher}", content, partial(peer.build, content, cipher, judged)
            )
        yield _measured("Waypost to openssl", content, partial(peer.open, content, spool))


def _measured(name: str, content: Content, way: Callable[[], str]) -> Measured:
    before, begun = _peak(), time.monotonic()
    digest = way()
    return Measured(name, time.monotonic() - begun, _peak() - before, digest == _sum(content.pieces()))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _sum(pieces: Iterator[bytes]) -> str:
    made = hashlib.sha256()
    for piece in pieces:
        made.update(piece)
    return made.hexdigest()


def _maker(spool: Spool, cipher: Cipher, compress: Compression) -> Maker:
    protection = Protection(sign=Digest.SHA256, encrypt=cipher, compress=compress)
    return Maker(protection=protection, ours=(ACME,), partner=(public(GLOBEX),), now=NOW, spool=spool)


def _there_and_back(content: Content, cipher: Cipher, spool: Spool, judged: Terms) -> str:
    built: BuiltContent = _maker(spool, cipher, Compression.BEFORE_SIGN).build(Document(content=content, filename="it"))
    opened = open_content(built.headers.items(), built.body, judged, spool)
    mic = opened.mic((built.mic.spelled,))
    return _came_out(opened) if mic is not None and mic.same(built.mic) else "another check"


def _came_out(opened: OpenedContent) -> str:
    return _sum(opened.documents[0].content.pieces())


class _OpenSsl:
    """The command, with files: signed beside the content, then encrypted, everything in a stream."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name, credential in (("acme", ACME), ("globex", GLOBEX)):
            (folder / f"{name}.crt").write_bytes(pem(credential))
            (folder / f"{name}.key").write_bytes(key_pem(credential))

    def build(self, content: Content, cipher: Cipher, judged: Terms) -> str:
        """Opaque signature and envelope as BER without lengths, read by us."""
        with open(self._folder / "plain", "wb") as file:
            file.write(b"Content-Type: application/edi-x12\r\nContent-Transfer-Encoding: binary\r\n\r\n")
            file.writelines(content.pieces())
        name = str(cipher).replace("_", "-").replace("aes", "aes-")
        self._run("-sign", "-nodetach", "-binary", "-stream", "-signer", "acme.crt", "-inkey", "acme.key",
                  "-in", "plain", "-outform", "DER", "-out", "signed")  # fmt: skip
        with open(self._folder / "entity", "wb") as file:
            file.write(b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\n")
            file.writelines(Content.in_file(self._folder / "signed").pieces())
        (self._folder / "signed").unlink()
        self._run("-encrypt", "-binary", "-stream", f"-{name}", "-recip", "globex.crt", "-in", "entity",
                  "-outform", "DER", "-out", "sealed")  # fmt: skip
        headers = {"Content-Type": "application/pkcs7-mime"}
        sealed = Content.in_file(self._folder / "sealed")
        opened = open_content(headers.items(), sealed, judged, Spool(self._folder))
        return _came_out(opened) if opened.verified and opened.cipher is cipher else "less protection"

    def open(self, content: Content, spool: Spool) -> str:
        """What we sign and encrypt, opened by openssl."""
        built = _maker(spool, Cipher.AES256_CBC, Compression.NONE).build(Document(content=content))
        with open(self._folder / "sealed", "wb") as file:
            file.writelines(built.body.pieces())
        self._run("-decrypt", "-binary", "-inform", "DER", "-inkey", "globex.key", "-recip", "globex.crt",
                  "-in", "sealed", "-out", "entity")  # fmt: skip
        entity = Content.in_file(self._folder / "entity")
        start = next(entity.find(b"binary\r\n\r\n")) + len(b"binary\r\n\r\n")
        return _sum(entity.part(start, start + content.size).pieces())

    def _run(self, *options: str) -> None:
        done = subprocess.run(
            ["openssl", "cms", *options], cwd=self._folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"openssl cms {' '.join(options)}: {done.stderr.strip()}")


def main(arguments: Sequence[str]) -> int:
    """Run as the module says; 0, or 1 where something else came out, or 2 if called in another way."""
    if not arguments or not arguments[0].isdecimal() or arguments[1:] not in ([], ["openssl"]):
        sys.stderr.write("usage: python -m waypost.testing.as2_large MEGABYTES [openssl]\n")
        return 2
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="waypost-as2-") as folder:
        for one in measure(int(arguments[0]), Path(folder), openssl=arguments[1:] == ["openssl"]):
            wrong += not one.sound
            took = f"{one.seconds:.1f} s, {one.memory_bytes / _MEGABYTE:.0f} MiB more memory"
            came = "sound" if one.sound else "OTHER BYTES"
            sys.stdout.write(f"{one.name}: {arguments[0]} MiB, {took}, {came}\n")
    sys.stdout.write(f"peak of the process: {_peak() / _MEGABYTE:.0f} MiB\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
