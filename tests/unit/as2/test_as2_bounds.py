"""Messages made to exhaust whoever reads them: each is refused as what it is, in little memory and time."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from waypost.as2.algorithm import Cipher
from waypost.as2.envelope import encrypt
from waypost.as2.failure import As2Error, Disposition
from waypost.as2.hollow import wrapped
from waypost.as2.incoming import OpenedContent, open_content
from waypost.as2.limits import Limits
from waypost.as2.tlv import header
from waypost.core.content import Content, Spool
from waypost.testing.as2_people import GLOBEX, terms

_OIDS = {
    "signed": "2a864886f70d010702", "enveloped": "2a864886f70d010703", "compressed": "2a864886f70d0109100109",
    "data": "2a864886f70d010701",
}  # fmt: skip
BROKEN, CLOSED = Disposition.UNEXPECTED_PROCESSING_ERROR, Disposition.DECRYPTION_FAILED
UNPACKED, DAMAGED = Disposition.DECOMPRESSION_FAILED, "the CMS content is damaged"
MIME, CMS = {"Content-Type": 'multipart/mixed; boundary="x"'}, {"Content-Type": "application/pkcs7-mime"}
BASE64 = {**CMS, "Content-Transfer-Encoding": "base64"}
QUOTED = {"Content-Type": "text/plain", "Content-Transfer-Encoding": "quoted-printable"}
MEMORY = 4 << 20


def der(tag: int, *parts: bytes) -> bytes:
    inside = b"".join(parts)
    return header(tag, len(inside)) + inside


def oid(name: str) -> bytes:
    return der(0x06, bytes.fromhex(_OIDS[name]))


def info(kind: str, *parts: bytes) -> bytes:
    return der(0x30, oid(kind), der(0xA0, der(0x30, der(0x02, b"\0"), *parts)))


ALGORITHM = der(0x30, der(0x06, bytes.fromhex("60864801650304012a")), der(0x04, bytes(16)))
HEART = der(0x30, oid("data"), ALGORITHM, der(0x80, bytes(32)))


def envelope(recipients: bytes, heart: bytes = HEART) -> bytes:
    return info("enveloped", der(0x31, recipients), heart)


def pieces_of_one_byte(count: int) -> bytes:
    octets = b"\x24\x80" + b"\x04\x01x" * count + b"\0\0"
    zlib_ = der(0x30, der(0x06, bytes.fromhex("2a864886f70d0109100308")))
    return info("compressed", zlib_, der(0x30, oid("data"), der(0xA0, octets)))


def bomb() -> bytes:
    return wrapped_zlib(zlib.compress(b"Content-Type: text/plain\r\n\r\n" + bytes(24 << 20)))


def wrapped_zlib(packed: bytes) -> bytes:
    zlib_ = der(0x30, der(0x06, bytes.fromhex("2a864886f70d0109100308")))
    return info("compressed", zlib_, der(0x30, oid("data"), der(0xA0, der(0x04, packed))))


HOSTILE: dict[str, tuple[dict[str, str], Callable[[], bytes], Disposition, str]] = {
    "a million parts": (MIME, lambda: b"--x\r\n\r\n" * 1_000_000, BROKEN, "more than 100 parts"),
    "a boundary all over": (MIME, lambda: b"--xq" * 500_000, BROKEN, "all over the content"),
    "a multipart without end": (MIME, lambda: b"--x\r\n\r\n" + bytes(4 << 20), BROKEN, "does not end"),
    "huge headers of a part": (MIME, lambda: b"--x\r\n" + b"A: b\n" * 500_000 + b"\n--x--", BROKEN, "no blank line"),
    "sequences in sequences": (CMS, lambda: b"\x30\x80" * 1_000_000, BROKEN, DAMAGED),
    "a length of four gigabytes": (CMS, lambda: b"\x30\x84\xff\xff\xff\xff" + bytes(99), BROKEN, DAMAGED),
    "a length of many bytes": (CMS, lambda: b"\x30\xff" + b"\xff" * 200, BROKEN, DAMAGED),
    "elements of nothing": (CMS, lambda: b"\x30\x80" + b"\x05\x00" * 1_000_000, BROKEN, DAMAGED),
    "a million recipients": (CMS, lambda: envelope(der(0x30, b"\x02\x01\0") * 1_000_000), CLOSED, "take more than"),
    "thousands of recipients": (CMS, lambda: envelope(der(0x30, b"\x02\x01\0") * 5_000), CLOSED, "cannot be read"),
    "a deep recipient": (CMS, lambda: envelope(_deep(20_000)), CLOSED, "the envelope is damaged"),
    "a content in pieces of a byte": (CMS, lambda: pieces_of_one_byte(1_000_000), UNPACKED, "damaged"),
    "a bomb": (CMS, bomb, UNPACKED, "once decompressed"),
    "padding without end": (BASE64, lambda: b"=" * (4 << 20), BROKEN, "damaged"),
    "a line without end": (QUOTED, lambda: b"a" * (4 << 20), BROKEN, "a line of quoted"),
}  # fmt: skip


def _deep(levels: int) -> bytes:
    made = b""
    for _ in range(levels):
        made = header(0x30, len(made)) + made
    return made


def opened(headers: dict[str, str], body: bytes, spool: Spool) -> OpenedContent:
    judged = terms(limits=Limits(content=1 << 30, inflated_bytes=1 << 20))
    return open_content(headers.items(), Content.of(body), judged, spool)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_exhaust_a_reader_is_refused_as_what_it_is(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    headers, make, disposition, said = HOSTILE[name]
    body = make()
    tracemalloc.start()
    try:
        with pytest.raises(As2Error, match=said) as caught:
            opened(headers, body, Spool(tmp_path_factory.mktemp("spool")))
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert caught.value.disposition is disposition and len(str(caught.value)) < 500


def test_a_multipart_in_a_multipart_is_a_document_however_deep(tmp_path_factory: pytest.TempPathFactory) -> None:
    body = b"end"
    for level in range(1000, 0, -1):
        mark = b"--b%d" % level
        kind = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n' % (level + 1)
        body = mark + b"\r\n" + kind + body + b"\r\n" + mark + b"--\r\n"
    made = opened({"Content-Type": 'multipart/mixed; boundary="b1"'}, body, Spool(tmp_path_factory.mktemp("spool")))
    assert [d.content_type for d in made.documents] == ['multipart/mixed; boundary="b2"']


def test_an_envelope_is_opened_whatever_pieces_its_content_was_cut_into() -> None:
    plain = Content.of(b"Content-Type: text/plain\r\n\r\n" + b"abc" * 999)
    sealed = encrypt(plain, GLOBEX, Cipher.AES128_CBC, Spool()).whole()
    at = sealed.rindex(b"\x80\x82")
    content = sealed[at + 4 :]
    cut = b"".join(der(0x04, content[n : n + 64]) for n in range(0, len(content), 64))
    nested = b"\xa0\x80\x24\x80" + cut[: 10 * 66] + b"\0\0" + der(0x24, cut[10 * 66 :]) + b"\0\0"
    levels, start = [], 0  # the headers of ContentInfo, [0], EnvelopedData and EncryptedContentInfo, made indefinite
    for where in _constructed(sealed, at):
        levels.append(sealed[start : where[0]] + sealed[where[0] : where[0] + 1] + b"\x80")
        start = where[1]
    indefinite = b"".join(levels) + sealed[start:at] + nested + b"\0\0" * len(levels)
    made = opened(CMS, indefinite, Spool())
    assert made.documents[0].content.whole() == b"abc" * 999


def _constructed(data: bytes, target: int) -> list[tuple[int, int]]:
    """Header and value positions of the elements around ``target``."""
    from waypost.as2.tlv import Reader

    reader, found, at, end = Reader(Content.of(data)), [], 0, len(data)
    while at < target:
        element = reader.element(at, end)
        if element.start <= target < element.end:
            found.append((element.at, element.start))
            at, end = element.start, element.end
        else:
            at = element.following
    return found


def test_a_structure_written_hollow_has_lengths_of_its_content() -> None:
    from waypost.as2 import cms

    data = {
        "version": "v0", "compression_algorithm": {"algorithm": "zlib"},
        "encap_content_info": {"content_type": "data", "content": b""},
    }  # fmt: skip
    for size in (0, 1, 127, 128, 255, 256, 65_535, 65_536):
        made = wrapped("compressed_data", cms.Cms.CompressedData(data), Content.of(bytes(size))).whole()
        data_ = {**data, "encap_content_info": {"content_type": "data", "content": bytes(size)}}
        assert made == cms.content_info("compressed_data", cms.Cms.CompressedData(data_))
