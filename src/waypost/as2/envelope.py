"""Encrypt for a partner and decrypt what it sent: CMS EnvelopedData (CBC) and AuthEnvelopedData (GCM, RFC 5083)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from waypost.as2 import cms
from waypost.as2.algorithm import Cipher, Digest, allowed_cipher, find_digest
from waypost.as2.certificate import Credential, Use
from waypost.as2.failure import As2Error, Disposition, reading
from waypost.as2.limits import Limits
from waypost.as2.signature import HASHES

_CLOSED = Disposition.DECRYPTION_FAILED
_NONCE_BYTES, _TAG_BYTES = 12, 16


class GcmParameters(cms.Core.Sequence):  # type: ignore[misc]
    """RFC 5084 section 3.2."""

    _fields: ClassVar[list[Any]] = [
        ("nonce", cms.Core.OctetString),
        ("tag_bytes", cms.Core.Integer, {"default": 12}),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """What an envelope is opened with: our keys, the time, and whether legacy ciphers pass."""

    credentials: Sequence[Credential]
    now: datetime
    limits: Limits
    legacy: bool = False


def encrypt(content: bytes, recipient: Credential, cipher: Cipher, *, oaep: bool = False) -> bytes:
    """The DER of an envelope that only the recipient's key opens. OAEP uses SHA-256 with MGF1 SHA-256."""
    key = os.urandom(cipher.key_bytes)
    nonce = os.urandom(_NONCE_BYTES if cipher.authenticated else cipher.block_bytes)
    tag = b""
    if cipher.authenticated:
        sealed = AESGCM(key).encrypt(nonce, content, None)
        sealed, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
        parameters: Any = GcmParameters({"nonce": nonce, "tag_bytes": _TAG_BYTES})
    else:
        sealed, parameters = _cbc_encrypt(cipher, key, nonce, content), cms.Core.OctetString(nonce)
    envelope: dict[str, Any] = {
        "version": "v0",
        "recipient_infos": [cms.Cms.RecipientInfo("ktri", _recipient_info(recipient, key, oaep))],
        "auth_encrypted_content_info" if tag else "encrypted_content_info": {
            "content_type": "data",
            "content_encryption_algorithm": {"algorithm": cipher.value, "parameters": parameters},
            "encrypted_content": sealed,
        },
    }
    if tag:
        return cms.content_info("authenticated_enveloped_data", cms.Cms.AuthEnvelopedData({**envelope, "mac": tag}))
    return cms.content_info("enveloped_data", cms.Cms.EnvelopedData(envelope))


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


def _cbc_encrypt(cipher: Cipher, key: bytes, nonce: bytes, content: bytes) -> bytes:
    padder = PKCS7(cipher.block_bytes * 8).padder()
    encryptor = BlockCipher(_block(cipher, key), modes.CBC(nonce)).encryptor()
    return encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()


def _block(cipher: Cipher, key: bytes) -> AES | TripleDES:
    return TripleDES(key) if cipher is Cipher.TRIPLE_DES else AES(key)


def decrypt(der: bytes, opener: Opener) -> tuple[bytes, Cipher]:
    """The content of an envelope and the cipher used.

    An ``As2Error`` says decryption-failed, in the same words for a wrong key and for wrong content, so that nobody
    learns a key from our answers; and insufficient-message-security for a legacy cipher that was not agreed.
    """
    with reading(_CLOSED, "the envelope"):
        kind, envelope = cms.load(der)
        if kind not in ("enveloped_data", "authenticated_enveloped_data"):
            raise As2Error(_CLOSED, f"found CMS content {kind!r}", expected="enveloped_data")
        gcm = kind == "authenticated_enveloped_data"
        info = envelope["auth_encrypted_content_info" if gcm else "encrypted_content_info"]
        algorithm = info["content_encryption_algorithm"]
        cipher = allowed_cipher(algorithm["algorithm"].native, legacy=opener.legacy)
        if cipher.authenticated != gcm:
            raise As2Error(_CLOSED, f"found {cipher} in {kind}", expected="GCM in AuthEnvelopedData, CBC elsewhere")
        recipient, credential = _recipient(envelope["recipient_infos"], opener)
    try:
        with reading(_CLOSED, "the envelope"):
            sealed, key = info["encrypted_content"].native or b"", _key(recipient, credential)
            if len(key) != cipher.key_bytes:
                raise ValueError("the key has another length")
            if gcm:
                return _gcm_decrypt(key, algorithm["parameters"], sealed, envelope), cipher
            return _cbc_decrypt(cipher, key, algorithm["parameters"].native, sealed), cipher
    except (As2Error, InvalidTag) as error:
        raise As2Error(
            _CLOSED, f"the message does not decrypt with the key of {credential}", expected="one encrypted for it"
        ) from error


def _recipient(recipients: Any, opener: Opener) -> tuple[Any, Credential]:
    """The first recipient that is one of our certificates, if it may be used now."""
    known = [
        info.chosen
        for info in cms.bounded(recipients, opener.limits.structure, _CLOSED, "recipients")
        if info.name == "ktri"
    ]
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


def _cbc_decrypt(cipher: Cipher, key: bytes, nonce: bytes, sealed: bytes) -> bytes:
    decryptor = BlockCipher(_block(cipher, key), modes.CBC(nonce)).decryptor()
    unpadder = PKCS7(cipher.block_bytes * 8).unpadder()
    return unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()


def _gcm_decrypt(key: bytes, parameters: Any, sealed: bytes, envelope: Any) -> bytes:
    read = GcmParameters.load(parameters.dump(), strict=True)
    tag, attributes = envelope["mac"].native, envelope["auth_attrs"]
    if len(tag) != read["tag_bytes"].native or not 12 <= len(tag) <= 16:
        raise ValueError("the tag has another length")
    mode = modes.GCM(read["nonce"].native, tag, min_tag_length=12)
    decryptor = BlockCipher(AES(key), mode).decryptor()
    if attributes:
        decryptor.authenticate_additional_data(b"\x31" + attributes.dump()[1:])  # RFC 5083 section 2.2
    return decryptor.update(sealed) + decryptor.finalize()
