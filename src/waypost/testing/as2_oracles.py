"""Other people's AS2, to hold ours against: the CMS of ``openssl`` and the npm package libas2.

Each opens what Waypost built and builds what Waypost opens. An oracle that is not installed is None; what one cannot do
is said by ``lacks``.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from waypost.as2.algorithm import Cipher
from waypost.as2.certificate import Credential
from waypost.as2.outgoing import Compression, Payload, Protection
from waypost.testing.as2_people import ACME, GLOBEX, NOW

_LIBAS2 = Path(".cache/libas2/node_modules")
_CRLF = b"\r\n"
_ZLIB_BER = bytes.fromhex(
    "3080 060b2a864886f70d0109100109 a080 3080 020100 300d060b2a864886f70d0109100308"
    "3080 06092a864886f70d010701 a080 2480"
)
"""RFC 3274 CompressedData with indefinite lengths, up to the first piece of the content."""


class OracleRefused(Exception):
    """The oracle did not take what we built, or could not build."""


class Oracle(Protocol):
    """Acme's or Globex's AS2, by somebody else. Messages are whole MIME entities."""

    name: str

    def lacks(self, protection: Protection, payload: Payload) -> str:
        """Why the oracle cannot do this; empty if it can."""

    def open(self, mime: bytes, protection: Protection) -> bytes:
        """As Globex: the content of a message from Acme."""

    def build(self, payload: Payload, protection: Protection) -> bytes:
        """As Acme: a message for Globex."""

    def close(self) -> None:
        """Nothing of it stays behind."""


class OpenSsl:
    """The command ``openssl cms``; compression, which Debian's cannot do, by zlib and a hand-written frame."""

    name = "openssl"

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="waypost-as2-"))
        for name, credential in (("acme", ACME), ("globex", GLOBEX)):
            (self._folder / f"{name}.crt").write_bytes(pem(credential))
            (self._folder / f"{name}.key").write_bytes(key_pem(credential))

    def close(self) -> None:
        shutil.rmtree(self._folder)

    def lacks(self, protection: Protection, payload: Payload) -> str:
        return ""

    def open(self, mime: bytes, protection: Protection) -> bytes:
        if protection.encrypt:
            mime = self._cms(["-decrypt", "-recip", "globex.crt", "-inkey", "globex.key", "-in", "it"], mime)
        if protection.compresses_after_signing:
            mime = self._inflated(mime)
        if protection.sign:
            mime = self._verified(mime)
        if protection.compress is not Compression.NONE and not protection.compresses_after_signing:
            mime = self._inflated(mime)
        head, _, body = mime.partition(_CRLF * 2)
        return base64.b64decode(body) if b"Encoding: base64" in head else body

    def _verified(self, mime: bytes) -> bytes:
        trusted = ["-verify", "-CAfile", "acme.crt", "-purpose", "any", "-attime", str(int(NOW.timestamp()))]
        if not mime.lower().startswith(b"content-type: multipart/signed") or b"Encoding: binary" not in mime:
            return self._cms([*trusted, "-in", "it"], mime)  # brings the lines of a multipart into canonical form
        boundary = mime.partition(b'boundary="')[2].partition(b'"')[0]
        _, content, signature, _ = mime.split(b"--" + boundary)
        self._write("content", content.removeprefix(_CRLF).removesuffix(_CRLF))
        signature = signature.removeprefix(_CRLF).removesuffix(_CRLF)
        return self._cms([*trusted, "-binary", "-content", "content", "-in", "it"], signature)

    @staticmethod
    def _inflated(mime: bytes) -> bytes:
        head, _, body = mime.partition(_CRLF * 2)
        der = base64.b64decode(body) if b"Encoding: base64" in head else body
        return zlib.decompressobj().decompress(der[der.index(b"\x78\x9c") :])

    def build(self, payload: Payload, protection: Protection) -> bytes:
        mime = b"Content-Type: %s\r\nContent-Disposition: attachment; filename=\"%s\"\r\n" % (
            payload.content_type.encode(), payload.filename.encode(),
        )  # fmt: skip
        mime += b"Content-Transfer-Encoding: binary\r\n\r\n" + payload.content
        if protection.compress is not Compression.NONE and not protection.compresses_after_signing:
            mime = _deflated(mime)
        if protection.sign:
            mime = self._signed(mime, protection)
        if protection.compresses_after_signing:
            mime = _deflated(mime)
        return self._encrypted(mime, protection) if protection.encrypt else mime

    def _signed(self, mime: bytes, protection: Protection) -> bytes:
        options = ["-sign", "-binary", "-crlfeol", "-md", protection.sign.short if protection.sign else ""]
        options += ["-signer", "acme.crt", "-inkey", "acme.key", *(["-nodetach"] if protection.opaque else [])]
        options += ["-keyopt", "rsa_padding_mode:pss"] if protection.pss else []
        return self._made([*options, "-in", "it"], mime, protection if protection.opaque else None)

    def _encrypted(self, mime: bytes, protection: Protection) -> bytes:
        cipher = protection.encrypt
        name = "des3" if cipher is Cipher.TRIPLE_DES else str(cipher).replace("_", "-").replace("aes", "aes-")
        options = ["-encrypt", "-binary", "-crlfeol", f"-{name}", "-in", "it", "-recip", "globex.crt"]
        oaep = ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"] if protection.oaep else []
        return self._made([*options, *oaep], mime, protection)

    def _made(self, options: Sequence[str], mime: bytes, protection: Protection | None) -> bytes:
        """As S/MIME in base64, or a DER body with a header of ours."""
        if protection is None or protection.transfer_encoding == "base64":
            return self._run([*options, "-outform", "SMIME"], mime)
        return b"Content-Type: application/pkcs7-mime\r\n\r\n" + self._run([*options, "-outform", "DER"], mime)

    def _cms(self, options: Sequence[str], mime: bytes) -> bytes:
        head, _, body = mime.partition(_CRLF * 2)
        if b"Encoding: binary" in head:
            return self._run([*options, "-inform", "DER"], body)
        return self._run([*options, "-inform", "SMIME"], mime)

    def _run(self, options: Sequence[str], content: bytes) -> bytes:
        self._write("it", content)
        (self._folder / "out").unlink(missing_ok=True)
        command = ["openssl", "cms", *options, "-out", "out"]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise OracleRefused(f"{' '.join(command)}: {done.stderr.strip()}")
        return (self._folder / "out").read_bytes()

    def _write(self, name: str, content: bytes) -> None:
        (self._folder / name).write_bytes(content)


def _deflated(mime: bytes) -> bytes:
    packed = zlib.compress(mime)
    pieces = (packed[at : at + 100] for at in range(0, len(packed), 100))
    der = _ZLIB_BER + b"".join(b"\x04" + bytes([len(piece)]) + piece for piece in pieces) + b"\x00\x00" * 6
    return b"Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\n" + der


class LibAs2:
    """The npm package libas2, in one process of node."""

    name = "libas2"

    def __init__(self, modules: Path) -> None:
        script = Path(__file__).with_name("as2_libas2.js")
        # The flag lets it decrypt with RSAES PKCS #1 v1.5, which this node forbids and AS2 uses.
        self._node = subprocess.Popen(
            ["node", "--security-revert=CVE-2023-46809", str(script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "NODE_PATH": str(modules.resolve())},
        )  # fmt: skip

    def close(self) -> None:
        self._node.communicate(timeout=30)

    def lacks(self, protection: Protection, payload: Payload) -> str:
        if not payload.content.isascii() or protection.transfer_encoding == "binary":
            return "it reads messages as text"
        if protection.compress is not Compression.NONE:
            return "it does not compress"
        if protection.pss or protection.oaep or protection.opaque:
            return "it knows no PSS, OAEP or opaque signatures"
        if protection.encrypt and (protection.encrypt.authenticated or protection.encrypt.legacy):
            return "its GCM is EnvelopedData, against RFC 5083; triple DES is not in its list"
        return "it knows no SHA-224" if protection.sign == "sha-224" else ""

    def open(self, mime: bytes, protection: Protection) -> bytes:
        question = {
            "mime": base64.b64encode(mime).decode(),
            "decrypt": _pems(GLOBEX) if protection.encrypt else None,
            "verify": {"cert": pem(ACME).decode()} if protection.sign else None,
        }
        return base64.b64decode(self.ask("open", question)["content"])

    def build(self, payload: Payload, protection: Protection) -> bytes:
        question: dict[str, Any] = {
            "content": base64.b64encode(payload.content).decode(),
            "contentType": payload.content_type,
            "filename": payload.filename,
        }
        if protection.sign:
            question["sign"] = {**_pems(ACME), "algorithm": protection.sign.value}
        if protection.encrypt:
            encryption = protection.encrypt.value.replace("_cbc", "-CBC")
            question["encrypt"] = {"cert": pem(GLOBEX).decode(), "encryption": encryption}
        return base64.b64decode(self.ask("build", question)["mime"])

    def ask(self, verb: str, question: Mapping[str, Any]) -> dict[str, Any]:
        """One question to libas2; ``OracleRefused`` tells its error."""
        assert self._node.stdin is not None and self._node.stdout is not None
        self._node.stdin.write(json.dumps({"verb": verb, **question}) + "\n")
        self._node.stdin.flush()
        lines = (line for line in self._node.stdout if line.startswith("{"))  # node warns of its flag
        answer: dict[str, Any] = json.loads(next(lines, '{"error": "node ended"}'))
        if "error" in answer:
            raise OracleRefused(f"libas2: {answer['error']}")
        return answer


def pem(credential: Credential) -> bytes:
    """The certificate."""
    return credential.certificate.public_bytes(Encoding.PEM)


def key_pem(credential: Credential) -> bytes:
    """The private key, which the people of the tests have."""
    assert credential.key is not None
    return credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _pems(credential: Credential) -> dict[str, str]:
    return {"cert": pem(credential).decode(), "key": key_pem(credential).decode()}


def find_openssl() -> Path | None:
    """The command, if it is installed."""
    found = shutil.which("openssl")
    return Path(found) if found else None


def find_libas2() -> Path | None:
    """The folder of modules with libas2 in it: ``WAYPOST_LIBAS2``, or where the test set-up puts it."""
    modules = Path(os.environ.get("WAYPOST_LIBAS2", "") or _LIBAS2)
    return modules if (modules / "libas2").is_dir() and shutil.which("node") else None
