"""Sign a MIME entity and verify a signature: CMS SignedData with one signer, RSA PKCS #1 v1.5 or PSS."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from waypost.as2 import cms
from waypost.as2.algorithm import Digest, allowed_digest
from waypost.as2.certificate import Credential, Use
from waypost.as2.failure import As2Error, Disposition, reading
from waypost.as2.hollow import Octets, read_hollow, wrapped
from waypost.as2.limits import Limits
from waypost.core.content import Content, Spool

HASHES: dict[Digest, type[hashes.HashAlgorithm]] = {
    Digest.SHA1: hashes.SHA1, Digest.SHA224: hashes.SHA224, Digest.SHA256: hashes.SHA256,
    Digest.SHA384: hashes.SHA384, Digest.SHA512: hashes.SHA512,
}  # fmt: skip
_FALSE, _CHANGED = Disposition.AUTHENTICATION_FAILED, Disposition.INTEGRITY_CHECK_FAILED


@dataclass(frozen=True, slots=True)
class Verified:
    """What a signature proves: who signed which bytes, with which digest."""

    credential: Credential
    digest: Digest
    content: Content
    pss: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """What a signature is judged by: the partner's certificates, the time, and whether legacy digests pass."""

    credentials: Sequence[Credential]
    now: datetime
    limits: Limits
    legacy: bool = False


def sign(
    content: Content, signer: Credential, digest: Digest, *, now: datetime, pss: bool = False, detached: bool = True
) -> Content:
    """SignedData in DER over exactly these bytes, with the signer's certificate inside."""
    attributes = cms.Cms.CMSAttributes([
        cms.Cms.CMSAttribute({"type": "content_type", "values": ["data"]}),
        cms.Cms.CMSAttribute({"type": "signing_time", "values": [cms.Core.UTCTime(now)]}),
        cms.Cms.CMSAttribute({"type": "message_digest", "values": [digest.of(content)]}),
    ])  # fmt: skip
    algorithm: dict[str, Any] = {"algorithm": "rsassa_pkcs1v15"}
    scheme: AsymmetricPadding = padding.PKCS1v15()
    if pss:
        scheme = padding.PSS(padding.MGF1(HASHES[digest]()), HASHES[digest]().digest_size)
        algorithm = {"algorithm": "rsassa_pss", "parameters": _pss_parameters(digest)}
    if signer.key is None:
        raise ValueError(f"{signer} has no private key to sign with")
    signer_info = {
        "version": "v1",
        "sid": cms.Cms.SignerIdentifier("issuer_and_serial_number", cms.issuer_and_serial(signer)),
        "digest_algorithm": {"algorithm": digest.short},
        "signed_attrs": attributes,
        "signature_algorithm": algorithm,
        "signature": signer.key.sign(attributes.dump(), scheme, HASHES[digest]()),
    }
    encapsulated = {"content_type": "data"} if detached else {"content_type": "data", "content": b""}
    signed = {
        "version": "v1",
        "digest_algorithms": [{"algorithm": digest.short}],
        "encap_content_info": encapsulated,
        "certificates": [cms.asn1_certificate(signer)],
        "signer_infos": [signer_info],
    }
    structure = cms.Cms.SignedData(signed)
    if detached:
        return Content.of(cms.content_info("signed_data", structure))
    return wrapped("signed_data", structure, content)


def _pss_parameters(digest: Digest) -> dict[str, Any]:
    return {
        "hash_algorithm": {"algorithm": digest.short},
        "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": digest.short}},
        "salt_length": HASHES[digest]().digest_size,
    }


def verify(signature: Content, forms: Iterable[Content] | None, verifier: Verifier, spool: Spool) -> Verified:
    """Check a signature against one of the partner's certificates.

    ``forms`` are what the signed bytes may have been, tried in turn; None where the signature holds them (opaque).
    An ``As2Error`` says authentication-failed for a wrong signer or signature, integrity-check-failed for changed
    content, insufficient-message-security for a digest that is too weak.
    """
    with reading(_FALSE, "the signature"):
        hollow = read_hollow(signature, ("signed_data",), verifier.limits.structure, _FALSE)
        signed = hollow.structure
        if forms is None:
            forms = [_content_in(hollow.octets, spool)]
        signer, credential = _signer(list(signed["signer_infos"]), verifier)
        digest = allowed_digest(signer["digest_algorithm"]["algorithm"].native, legacy=verifier.legacy)
        content = _content_signed(signer, forms, digest, signed["encap_content_info"]["content_type"].dotted)
        pss = _check_signature(signer, credential, digest, content)
    return Verified(credential, digest, content, pss)


def _content_in(octets: Octets | None, spool: Spool) -> Content:
    if octets is None:
        raise As2Error(_CHANGED, "the signature holds no content", expected="signed content")
    return octets.content(spool)


def _signer(signers: Sequence[Any], verifier: Verifier) -> tuple[Any, Credential]:
    """The first signer that is one of the partner's certificates, if it may be used now."""
    refused = ""
    for signer in signers[:16]:
        for credential in verifier.credentials:
            if cms.names(signer["sid"], credential):
                why = credential.why_not(Use.VERIFY, verifier.now)
                if not why:
                    return signer, credential
                refused = f"its certificate {credential} {why}"
    found = refused or f"it is signed by {', '.join(cms.described(s['sid']) for s in signers[:3]) or 'nobody'}"
    raise As2Error(
        _FALSE, found, expected="a certificate of the partner that is valid now",
        remedy="if the partner changed its certificate, add the new one to the agreement",
    )  # fmt: skip


def _content_signed(signer: Any, forms: Iterable[Content], digest: Digest, content_type: str) -> Content:
    """The form of the content whose digest was signed."""
    attributes = signer["signed_attrs"]
    if not attributes:  # then the signature is over the content itself, and says itself whether it was changed
        content = next(iter(forms))
        if content.read(0, 1) == b"\x31":  # signed attributes of another message, passed off as content
            raise As2Error(_FALSE, "the content is a set of signed attributes", expected="a MIME entity")
        return content
    values = {attribute["type"].native: attribute["values"] for attribute in attributes}
    if "message_digest" not in values or "content_type" not in values:
        raise As2Error(_FALSE, "a signed attribute is missing", expected="content-type and message-digest")
    if [value.dotted for value in values["content_type"]] != [content_type]:
        raise As2Error(_FALSE, "the signed content type is not that of the content", expected=content_type)
    (signed,) = values["message_digest"].native
    for content in forms:
        if hmac.compare_digest(digest.of(content), signed):
            return content
    raise As2Error(_CHANGED, f"the {digest} digest of the content is not the signed one", expected="unchanged content")


def _check_signature(signer: Any, credential: Credential, digest: Digest, content: Content) -> bool:
    """Whether it is PSS; an ``As2Error`` if it is false."""
    algorithm = signer["signature_algorithm"]
    name = algorithm["algorithm"].native
    pss = bool(name == "rsassa_pss")
    if pss:
        scheme = _pss_of(algorithm["parameters"], digest)
    elif name in ("rsassa_pkcs1v15", f"{digest.short}_rsa"):
        scheme = padding.PKCS1v15()
    else:
        raise As2Error(_FALSE, f"the signature algorithm is {name!r}", expected=f"RSA with {digest}")
    attributes = signer["signed_attrs"]
    # As SET OF, though it is sent under an implicit tag: RFC 5652 section 5.4.
    signed = Content.of(b"\x31" + attributes.dump()[1:]) if attributes else content
    hashed = Prehashed(HASHES[digest]())
    try:
        credential.public_key.verify(signer["signature"].native, digest.of(signed), scheme, hashed)
    except InvalidSignature as error:
        raise As2Error(
            _FALSE, f"the signature was not made with the key of {credential}", expected="a true signature"
        ) from error
    return pss


def _pss_of(parameters: Any, digest: Digest) -> AsymmetricPadding:
    mask = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native
    if parameters["hash_algorithm"]["algorithm"].native != digest.short or mask != digest.short:
        raise As2Error(_FALSE, "the PSS parameters name another digest", expected=digest)
    return padding.PSS(padding.MGF1(HASHES[digest]()), parameters["salt_length"].native)
