"""Encrypt for a partner and decrypt what it sent: CMS EnvelopedData (CBC) and AuthEnvelopedData (GCM, RFC 5083)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from waypost.as2 import cms
from waypost.as2.algorithm import Cipher, Digest, allowed_cipher, find_digest
from waypost.as2.certificate import Credential, Use
from waypost.as2.failure import As2Error, Disposition, reading
from waypost.as2.hollow import Octets, read_hollow, wrapped
from waypost.as2.limits import Limits
from waypost.as2.signature import HASHES
from waypost.core.content import Content, Spool

_CLOSED = Disposition.DECRYPTION_FAILED
_KINDS = ("enveloped_data", "authenticated_enveloped_data")
_NONCE_BYTES, _TAG_BYTES = 12, 16


class GcmParameters(cms.Core.Sequence):  # type: ignore[misc]
    """RFC 5084 section 3.2."""

    _fields: ClassVar[list[Any]] = [
        ("nonce", cms.Core.OctetString),
        ("tag_bytes", cms.Core.Integer, {"default": 12}),
    ]


cms.make_ready(GcmParameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """What an envelope is opened with: our keys, the time, and whether legacy ciphers pass."""

    credentials: Sequence[Credential]
    now: datetime
    limits: Limits
    legacy: bool = False


def encrypt(content: Content, recipient: Credential, cipher: Cipher, spool: Spool, *, oaep: bool = False) -> Content:
    """An envelope in DER that only the recipient's key opens. OAEP uses SHA-256 with MGF1 SHA-256."""
    key = os.urandom(cipher.key_bytes)
    nonce = os.urandom(_NONCE_BYTES if cipher.authenticated else cipher.block_bytes)
    mode = modes.GCM(nonce) if cipher.authenticated else modes.CBC(nonce)
    encryptor = BlockCipher(_block(cipher, key), mode).encryptor()
    to = cms.Cms.RecipientInfo("ktri", _recipient_info(recipient, key, oaep))
    if not cipher.authenticated:
        sealed = spool.keep(_updated(encryptor, _padded(cipher, content)))
        return _enveloped(to, cipher, cms.Core.OctetString(nonce), sealed)
    sealed = spool.keep(_updated(encryptor, content.pieces()))
    parameters = GcmParameters({"nonce": nonce, "tag_bytes": _TAG_BYTES})
    return _enveloped(to, cipher, parameters, sealed, getattr(encryptor, "tag"))  # noqa: B009


def _enveloped(to: Any, cipher: Cipher, parameters: Any, sealed: Content, tag: bytes = b"") -> Content:
    envelope: dict[str, Any] = {
        "version": "v0",
        "recipient_infos": [to],
        "auth_encrypted_content_info" if tag else "encrypted_content_info": {
            "content_type": "data",
            "content_encryption_algorithm": {"algorithm": cipher.value, "parameters": parameters},
            "encrypted_content": b"",
        },
    }
    if tag:
        structure = cms.Cms.AuthEnvelopedData({**envelope, "mac": tag})
        return wrapped("authenticated_enveloped_data", structure, sealed)
    return wrapped("enveloped_data", cms.Cms.EnvelopedData(envelope), sealed)


def _updated(worker: Any, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What a cipher makes of the pieces."""
    for piece in pieces:
        yield worker.update(piece)
    yield worker.finalize()


def _padded(cipher: Cipher, content: Content) -> Iterator[bytes]:
    return _updated(PKCS7(cipher.block_bytes * 8).padder(), content.pieces())


def _recipient_info(recipient: Credential, key: bytes, oaep: bool) -> dict[str, Any]:
    algorithm: dict[str, Any] = {"algorithm": "rsaes_pkcs1v15"}
    scheme: AsymmetricPadding = padding.PKCS1v15()
    if oaep:
        name = Digest.SHA256.short
        scheme = _oaep(Digest.SHA256, Digest.SHA256, b"")
        parameters = {
            "hash_algorithm": {"algorithm": name},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": name}},
        }
        algorithm = {"algorithm": "rsaes_oaep", "parameters": parameters}
    return {
        "version": "v0",
        "rid": cms.Cms.RecipientIdentifier("issuer_and_serial_number", cms.issuer_and_serial(recipient)),
        "key_encryption_algorithm": algorithm,
        "encrypted_key": recipient.public_key.encrypt(key, scheme),
    }


def _oaep(digest: Digest, mask: Digest, label: bytes) -> AsymmetricPadding:
    return padding.OAEP(padding.MGF1(HASHES[mask]()), HASHES[digest](), label or None)


def _block(cipher: Cipher, key: bytes) -> AES | TripleDES:
    return TripleDES(key) if cipher is Cipher.TRIPLE_DES else AES(key)


def decrypt(sealed: Content, opener: Opener, spool: Spool) -> tuple[Content, Cipher]:
    """The content of an envelope and the cipher used. Nothing of it is given out before its tag was verified.

    An ``As2Error`` says decryption-failed, in the same words for a wrong key and for wrong content, so that nobody
    learns a key from our answers; and insufficient-message-security for a legacy cipher that was not agreed.
    """
    with reading(_CLOSED, "the envelope"):
        hollow = read_hollow(sealed, _KINDS, opener.limits.structure, _CLOSED)
        gcm, envelope = hollow.kind == _KINDS[1], hollow.structure
        info = envelope["auth_encrypted_content_info" if gcm else "encrypted_content_info"]
        algorithm = info["content_encryption_algorithm"]
        cipher = allowed_cipher(algorithm["algorithm"].native, legacy=opener.legacy)
        if cipher.authenticated != gcm:
            raise As2Error(
                _CLOSED, f"found {cipher} in {hollow.kind}", expected="GCM in AuthEnvelopedData, CBC elsewhere"
            )
        recipient, credential = _recipient(envelope["recipient_infos"], opener)
    try:
        with reading(_CLOSED, "the envelope"):
            key = _key(recipient, credential)
            if len(key) != cipher.key_bytes:
                raise ValueError("the key has another length")
            if gcm:
                decryptor: Any = _gcm_decryptor(key, algorithm["parameters"], envelope)
                return spool.keep(_updated(decryptor, _pieces(hollow.octets))), cipher
            decryptor = BlockCipher(_block(cipher, key), modes.CBC(algorithm["parameters"].native)).decryptor()
            opened = _updated(decryptor, _pieces(hollow.octets))
            return spool.keep(_updated(PKCS7(cipher.block_bytes * 8).unpadder(), opened)), cipher
    except (As2Error, InvalidTag) as error:
        raise As2Error(
            _CLOSED, f"the message does not decrypt with the key of {credential}", expected="one encrypted for it"
        ) from error


def _pieces(octets: Octets | None) -> Iterator[bytes]:
    return octets.pieces() if octets is not None else iter(())


def _recipient(recipients: Any, opener: Opener) -> tuple[Any, Credential]:
    """The first recipient that is one of our certificates, if it may be used now."""
    known = [info.chosen for info in recipients if info.name == "ktri"]
    refused = ""
    for info in known:
        for credential in opener.credentials:
            if cms.names(info["rid"], credential):
                why = credential.why_not(Use.DECRYPT, opener.now)
                if not why:
                    return info, credential
                refused = f"it is encrypted for our certificate {credential}, which {why}"
    found = refused or f"it is encrypted for {', '.join(cms.described(i['rid']) for i in known[:3]) or 'nobody'}"
    raise As2Error(
        _CLOSED, found, expected="one of our certificates that is valid now",
        remedy="send the partner the certificate to encrypt with",
    )  # fmt: skip


def _key(recipient: Any, credential: Credential) -> bytes:
    algorithm = recipient["key_encryption_algorithm"]
    name = algorithm["algorithm"].native
    if name == "rsaes_oaep":
        parameters = algorithm["parameters"]
        mask = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native
        digest = find_digest(parameters["hash_algorithm"]["algorithm"].native)
        mask_digest = find_digest(mask)
        if digest is None or mask_digest is None:
            raise ValueError("unknown digest in OAEP")
        scheme = _oaep(digest, mask_digest, parameters["p_source_algorithm"]["parameters"].native or b"")
    elif name == "rsaes_pkcs1v15":
        scheme = padding.PKCS1v15()
    else:
        raise ValueError(f"key encryption {name}")
    if credential.key is None:
        raise ValueError("no private key")
    return credential.key.decrypt(recipient["encrypted_key"].native, scheme)


def _gcm_decryptor(key: bytes, parameters: Any, envelope: Any) -> Any:
    read = GcmParameters.load(parameters.dump(), strict=True)
    tag, attributes = envelope["mac"].native, envelope["auth_attrs"]
    if len(tag) != read["tag_bytes"].native or not 12 <= len(tag) <= 16:
        raise ValueError("the tag has another length")
    decryptor = BlockCipher(AES(key), modes.GCM(read["nonce"].native, tag, min_tag_length=12)).decryptor()
    if attributes:
        decryptor.authenticate_additional_data(b"\x31" + attributes.dump()[1:])  # RFC 5083 section 2.2
    return decryptor
