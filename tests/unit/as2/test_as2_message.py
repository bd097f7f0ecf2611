"""AS2 messages: what opens, what is refused, and with which disposition."""

from __future__ import annotations

import re
import zlib
from datetime import timedelta

import pytest

from waypost.as2 import cms
from waypost.as2.algorithm import Cipher, Digest
from waypost.as2.certificate import Credential, Use, choose, load_credential
from waypost.as2.envelope import encrypt
from waypost.as2.failure import As2Error, Disposition
from waypost.as2.incoming import Opened, open_message
from waypost.as2.limits import Limits
from waypost.as2.mime import canonical_pieces
from waypost.as2.outgoing import Built, Compression, Payload, Protection, build
from waypost.as2.signature import sign
from waypost.core.content import Content, Spool
from waypost.core.errors import ConfigurationRefused
from waypost.testing.as2_matrix import Tally, protections, try_all
from waypost.testing.as2_oracles import key_pem, pem
from waypost.testing.as2_people import ACME, GLOBEX, NOW, ORDER, make_credential, public, terms

PLAIN = Protection(sign=None, encrypt=None)
SIGNED = Protection(encrypt=None)
SEALED = Protection(sign=None)


def made(protection: Protection, payload: Payload = ORDER, **changed: object) -> Built:
    given = {"ours": (ACME,), "partner": (public(GLOBEX),), "now": NOW, **changed}
    return build(payload, protection, **given)  # type: ignore[arg-type]


def opened(built: Built, body: bytes | None = None, **changed: object) -> Opened:
    return open_message(built.headers.items(), built.body if body is None else body, terms(**changed))


def refusal(built: Built, body: bytes | None = None, **changed: object) -> Disposition:
    with pytest.raises(As2Error) as caught:
        opened(built, body, **changed)
    return caught.value.disposition


def test_every_way_to_protect_a_message_opens_again_with_the_same_check() -> None:
    tally = Tally()
    kept = (None, "sha-1", "sha-512")
    try_all(tally, [], lambda p: p.sign in kept and p.encrypt in (None, "tripledes_3key", "aes128_cbc", "aes256_gcm"))
    assert not tally.failures
    assert sum(tally.tried.values()) > 300 and len(list(protections())) == 1890


# ── the bytes of the check ───────────────────────────────────────────────────────────────────────────────────────


def test_the_check_of_a_plain_message_is_over_its_content() -> None:
    assert made(PLAIN).mic.value == Digest.SHA256.of(Content.of(ORDER.content))


def test_the_check_of_a_signed_message_is_over_what_is_signed_headers_included() -> None:
    built = made(SIGNED)
    part = built.body.split(b"--" + _boundary(built))[1][2:-2]
    assert part.startswith(b"Content-Type: application/edi-x12\r\n")
    assert built.mic.value == Digest.SHA256.of(Content.of(part))


def test_the_check_of_an_encrypted_message_is_over_the_entity_before_compression() -> None:
    sealed = made(SEALED)
    packed = made(Protection(sign=None, compress=Compression.BEFORE_ENCRYPT))
    assert sealed.mic == packed.mic and sealed.mic.value != made(PLAIN).mic.value


def test_the_check_of_a_message_compressed_before_signing_is_over_the_compressed_part() -> None:
    before = made(Protection(encrypt=None, compress=Compression.BEFORE_SIGN))
    after = made(Protection(encrypt=None, compress=Compression.BEFORE_ENCRYPT))
    assert before.mic.value != after.mic.value == made(SIGNED).mic.value


@pytest.mark.parametrize(("as_received", "line_end"), [(False, b"\r\n"), (True, b"\n")])
def test_line_ends_of_an_unsigned_part_are_made_canonical_unless_the_partner_does_not(
    as_received: bool, line_end: bytes
) -> None:
    entity = b"Content-Type: text/plain\n\na\nb\n"
    envelope = encrypt(Content.of(entity), GLOBEX, Cipher.AES128_CBC, Spool()).whole()
    sealed = Built({"Content-Type": "application/pkcs7-mime"}, envelope, _MIC)
    mic = opened(sealed, mic_as_received=as_received).mic()
    assert mic is not None and mic.value == Digest.SHA256.of(Content.of(entity.replace(b"\n", line_end)))


def test_a_sender_asks_for_a_check_in_its_own_spelling_and_order() -> None:
    got = opened(made(SIGNED))
    assert str(got.mic(("md5", "SHA512", "sha-256"))).endswith(", SHA512")
    assert got.mic(("md5",)) is None
    assert got.mic(("sha1",)) is None and got.mic(("sha1",), legacy=True) is not None


def _boundary(built: Built) -> bytes:
    found = re.search('boundary="([^"]+)"', built.headers["Content-Type"])
    assert found
    return found[1].encode()


_MIC = made(PLAIN).mic


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────


def test_changed_content_fails_its_integrity_check() -> None:
    built = made(SIGNED)
    assert refusal(built, built.body.replace(b"GS*PO", b"GS*PX")) is Disposition.INTEGRITY_CHECK_FAILED


def test_a_signature_of_somebody_else_is_not_authentic_though_it_brings_its_certificate() -> None:
    built = made(SIGNED, ours=(make_credential("mallory", serial=33),))
    assert refusal(built) is Disposition.AUTHENTICATION_FAILED


def test_a_certificate_of_the_same_name_and_number_with_another_key_is_not_authentic() -> None:
    forged = make_credential("acme", serial=11, days=364)
    assert forged.public_key.public_numbers() != ACME.public_key.public_numbers()
    assert refusal(made(SIGNED, ours=(forged,))) is Disposition.AUTHENTICATION_FAILED


def test_a_signed_attribute_that_was_changed_is_not_authentic() -> None:
    built = made(Protection(encrypt=None, opaque=True))
    signed_at = NOW.strftime("%y%m%d").encode()
    assert signed_at in built.body
    assert refusal(built, built.body.replace(signed_at, b"250101")) is Disposition.AUTHENTICATION_FAILED


def test_a_signature_without_attributes_cannot_pass_off_attributes_as_content() -> None:
    der = made(Protection(encrypt=None, opaque=True)).body
    info = cms.Cms.ContentInfo.load(der)
    signer = info["content"]["signer_infos"][0]
    attributes = b"\x31" + signer["signed_attrs"].dump()[1:]
    del signer["signed_attrs"]
    info["content"]["encap_content_info"] = {"content_type": "data", "content": attributes}
    built = Built({"Content-Type": "application/pkcs7-mime"}, info.dump(force=True), _MIC)
    assert refusal(built) is Disposition.AUTHENTICATION_FAILED


@pytest.mark.parametrize("cipher", [Cipher.AES256_CBC, Cipher.AES256_GCM])
def test_an_envelope_for_another_key_does_not_decrypt(cipher: Cipher) -> None:
    built = made(Protection(sign=None, encrypt=cipher))
    assert refusal(built, ours=(make_credential("other", serial=44),)) is Disposition.DECRYPTION_FAILED


def test_a_changed_envelope_of_gcm_does_not_decrypt() -> None:
    built = made(Protection(sign=None, encrypt=Cipher.AES128_GCM))
    changed = bytearray(built.body)
    changed[-40] ^= 1
    assert refusal(built, bytes(changed)) is Disposition.DECRYPTION_FAILED


def test_a_wrong_key_and_wrong_content_are_told_in_the_same_words() -> None:
    built = made(SEALED)
    texts = set()
    for at in (-1, -200):
        changed = bytearray(built.body)
        changed[at] ^= 0xFF
        with pytest.raises(As2Error) as caught:
            for _ in range(200):  # one in 256 paddings is right by chance
                opened(built, bytes(changed))
                changed[-1] = (changed[-1] + 1) % 256
        texts.add(str(caught.value))
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("protection", "required"),
    [(PLAIN, "require_signed"), (SEALED, "require_signed"), (SIGNED, "require_encrypted")],
)
def test_a_message_with_less_protection_than_agreed_is_refused(protection: Protection, required: str) -> None:
    assert opened(made(protection))
    assert refusal(made(protection), **{required: True}) is Disposition.INSUFFICIENT_MESSAGE_SECURITY


@pytest.mark.parametrize(
    "protection",
    [
        Protection(sign=Digest.SHA1, encrypt=None, legacy=True),
        Protection(sign=None, encrypt=Cipher.TRIPLE_DES, legacy=True),
    ],
)
def test_legacy_algorithms_pass_only_where_they_are_agreed(protection: Protection) -> None:
    assert opened(made(protection), legacy=True)
    assert refusal(made(protection), legacy=False) is Disposition.INSUFFICIENT_MESSAGE_SECURITY


def test_legacy_algorithms_are_not_used_by_mistake() -> None:
    with pytest.raises(ConfigurationRefused, match="legacy"):
        Protection(sign=Digest.SHA1)


def test_a_bomb_is_refused_before_memory_grows() -> None:
    bomb = made(
        Protection(sign=None, encrypt=None, compress=Compression.BEFORE_SIGN), Payload(content=b"\0" * (4 << 20))
    )
    assert len(bomb.body) < 20_000
    assert refusal(bomb, limits=Limits(content=1 << 20)) is Disposition.DECOMPRESSION_FAILED


def test_a_cut_zlib_stream_is_refused() -> None:
    packed = zlib.compress(b"Content-Type: text/plain\r\n\r\nabc")[:-2]
    data = {
        "version": "v0",
        "compression_algorithm": {"algorithm": "zlib"},
        "encap_content_info": {"content_type": "data", "content": packed},
    }
    body = cms.content_info("compressed_data", cms.Cms.CompressedData(data))
    built = Built({"Content-Type": "application/pkcs7-mime"}, body, _MIC)
    assert refusal(built) is Disposition.DECOMPRESSION_FAILED


def test_a_layer_put_on_twice_is_refused() -> None:
    inner = made(SIGNED)
    head = "".join(f"{n}: {v}\r\n" for n, v in inner.headers.items()).encode()
    content = Content.of(head + b"\r\n" + inner.body)
    der = sign(content, ACME, Digest.SHA256, now=NOW, detached=False).whole()
    built = Built({"Content-Type": "application/pkcs7-mime"}, der, _MIC)
    assert refusal(built) is Disposition.UNEXPECTED_PROCESSING_ERROR


def test_more_recipients_than_the_limit_are_not_read() -> None:
    assert refusal(made(SEALED), limits=Limits(structure=100)) is Disposition.DECRYPTION_FAILED


def test_a_signature_of_bytes_with_bare_line_feeds_is_also_tried_in_canonical_form() -> None:
    text = Payload(content=b"a\r\nb\r\n", content_type="text/plain")
    built = made(SIGNED, text)
    spoiled = built.body.replace(b"a\r\nb\r\n", b"a\nb\n")
    checked = opened(built, spoiled).checked
    assert checked == b"".join(canonical_pieces([checked]))


def test_a_signature_that_leaves_out_the_last_line_end_is_true() -> None:
    built = made(SIGNED, Payload(content=b"a", content_type="text/plain"))
    longer = built.body.replace(b"\r\n\r\na\r\n--", b"\r\n\r\na\r\n\r\n--")
    assert longer != built.body and opened(built, longer).parts[0].content == b"a"


# ── payloads ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_several_documents_in_one_message_come_out_one_by_one() -> None:
    body = b"--x\r\nContent-Type: text/a\r\n\r\none\r\n--x\r\nContent-Type: text/b\r\n\r\n\r\n--x--\r\n"
    got = opened(made(SIGNED, Payload(content=body, content_type='multipart/related; boundary="x"')))
    assert [(p.content_type, p.content) for p in got.parts] == [("text/a", b"one"), ("text/b", b"")]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("po 1.edi", "po 1.edi"), ("../../etc/passwd", "passwd"), ("C:\\a\\b.edi", "C:_a_b.edi"), ("..", "")],
)
def test_a_file_name_is_no_path(given: str, kept: str) -> None:
    assert opened(made(SIGNED, Payload(content=b"x", filename=given))).parts[0].filename == kept


# ── certificates ─────────────────────────────────────────────────────────────────────────────────────────────────

LATER = NOW + timedelta(days=30)


@pytest.mark.parametrize("use", list(Use))
def test_the_window_of_a_certificate_holds_in_every_use(use: Use) -> None:
    old = Credential(certificate=ACME.certificate, key=ACME.key, use_until=LATER)
    new = Credential(certificate=GLOBEX.certificate, key=GLOBEX.key, use_from=LATER)
    assert choose((new, old), use, NOW) is old
    assert choose((new, old), use, LATER) is new
    with pytest.raises(ConfigurationRefused, match="expired at 2027"):
        choose((ACME,), use, NOW + timedelta(days=400))
    with pytest.raises(ConfigurationRefused, match="not valid before"):
        choose((ACME,), use, NOW - timedelta(days=4))


def test_messages_open_with_either_certificate_while_both_are_used() -> None:
    renewed = make_credential("globex", serial=23)
    for one in (GLOBEX, renewed):
        assert opened(made(SEALED, partner=(public(one),)), ours=(renewed, GLOBEX))
    successor = make_credential("acme", serial=12)
    for one in (ACME, successor):
        assert opened(made(SIGNED, ours=(one,)), partner=(public(successor), public(ACME)))


@pytest.mark.parametrize(
    ("protection", "which", "disposition"),
    [
        (SIGNED, "partner", Disposition.AUTHENTICATION_FAILED),
        (SEALED, "ours", Disposition.DECRYPTION_FAILED),
    ],
)
def test_a_certificate_outside_its_window_is_refused_and_named(
    protection: Protection, which: str, disposition: Disposition
) -> None:
    base = ACME if which == "partner" else GLOBEX
    closed = Credential(certificate=base.certificate, key=base.key, use_until=NOW)
    with pytest.raises(As2Error, match="is not used since") as caught:
        opened(made(protection), **{which: (closed,)})
    assert caught.value.disposition is disposition


def test_key_usage_keeps_a_certificate_for_signing_from_encrypting() -> None:
    only = make_credential("signer", serial=55, usage="digital_signature")
    assert choose((only,), Use.SIGN, NOW) is only
    with pytest.raises(ConfigurationRefused, match="key usage"):
        choose((only,), Use.ENCRYPT, NOW)


def test_a_key_of_another_certificate_is_refused() -> None:
    assert load_credential(pem(ACME), key_pem(ACME)).key is not None
    with pytest.raises(ConfigurationRefused, match="of another certificate"):
        load_credential(pem(ACME), key_pem(GLOBEX))
    with pytest.raises(ConfigurationRefused, match="cannot be read"):
        load_credential(b"nothing")
