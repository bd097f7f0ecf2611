"""What messages carry as bytes is taken out whole, with the numbers that link it."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.formats.edi_health import CONVERSATION, PEOPLE, enveloped, interchange
from waypost.formats.edi.attachment import Attachment, attachments
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.schema.load import library
from waypost.reconcile.chain.attached import Links


def carrying(*bodies: bytes, tag: str = "BIN*%d*") -> bytes:
    """A 275 with an LX loop for each body."""
    loops = b"".join(
        b"LX*%d~TRN*1*T%d~CAT*AE*TX~EFI*05~%b%b~" % (n, n, (tag % len(body)).encode(), body)
        for n, body in enumerate(bodies, 1)
    )
    text = "ST*275*0001*005010X210\nBGN*02*R1*20260316\nREF*EJ*CLAIM9\nSE*?*0001"
    return enveloped("PI", "005010X210", text).replace(b"REF*EJ*CLAIM9~\n", b"REF*EJ*CLAIM9~\n" + loops)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4))
@settings(deadline=None)
def test_bytes_come_out_as_they_went_in(bodies: list[bytes]) -> None:
    found = list(attachments([carrying(*bodies)]))
    assert [one.data for one in found] == bodies and not any(one.fault for one in found)
    assert [(one.trace, one.claim, one.report) for one in found] == [
        (f"T{n}", "CLAIM9", "AE TX") for n in range(1, len(bodies) + 1)
    ]  # fmt: skip
    assert len({one.name for one in found}) == len(bodies)


@pytest.mark.parametrize(
    ("data", "extension"),
    [(b"%PDF-1.7 ...", "pdf"), (b"MSH|^~\\&|A", "hl7"), (b"\xef\xbb\xbf<?xml version='1.0'?>", "xml"),
     (b"plain text\r\n", "txt"), (b"\x00\x01\x02", "bin"), ("für".encode() * 3000, "txt"), (b"II*\x00", "tif")],
)  # fmt: skip
def test_a_name_says_what_the_bytes_look_like(data: bytes, extension: str) -> None:
    assert Attachment(7, data, "275", "1", 0, trace="../../etc/pass wd").name == f"0007-------etc-pass-wd.{extension}"


def test_bds_is_decoded_and_what_is_wrong_is_told() -> None:
    coded = base64.b64encode(b"%PDF-1.4")
    (one,) = attachments([carrying(coded, tag="BDS*B64*%d*")])
    assert (one.data, one.encoding, one.fault) == (b"%PDF-1.4", "B64", "")
    (hexed,) = attachments([carrying(b"4142", tag="BDS*HDC*%d*")])
    assert hexed.data == b"AB"
    (bad,) = attachments([carrying(b"zz", tag="BDS*HDC*%d*")])
    assert bad.fault == "bytes that are not HDC"
    (short,) = attachments([carrying(b"HELLO").replace(b"BIN*5*", b"BIN*4*")])
    assert short.fault == "5 bytes, and '4' are said" and short.data == b"HELLO"


def test_an_object_of_edifact_comes_out_too() -> None:
    body = b"any 'bytes' + more"
    content = (
        (b"UNB+UNOC:4+A+B+240101:1200+R1'UNO+1+AAX:7+1+%d'" % len(body)) + body + b"UNP+%d+1'UNZ+1+R1'" % len(body)
    )
    (one,) = attachments([content])
    assert (one.data, one.set, one.trace) == (body, "UNO", "7")


def test_a_guide_of_the_275_holds_it_against_its_rules() -> None:
    schemas = Schemas(library())
    assert examine([interchange("275")], schemas).errors == []
    text = CONVERSATION["275"][2].format_map({**PEOPLE, "report": "A", "size": "1"})
    for line in ("REF*EJ*PCN-2026-00417\n", "TRN*1*TRC20260417001\n", "CAT*AE*HL\n"):
        assert not examine([enveloped("PI", "005010X210", text.replace(line, ""))], schemas).accepted
    asked = text.replace("TRN*1*", "TRN*2*").replace("REF*1K*ICN55810042\n", "")
    report = examine([enveloped("PI", "005010X210", asked)], schemas)
    assert report.accepted and [one["rule"] for one in report.data("x")["errors"]] == ["275-trace"]


def test_an_attachment_is_linked_by_each_number_that_can() -> None:
    links = Links()
    for name in ("837", "277"):
        links.read([interchange(name)], name)
    claim, trace, payer = PEOPLE["claim"], PEOPLE["trace"], PEOPLE["payer_claim"]

    def linked(**numbers: str) -> tuple[str, str]:
        return links.of(Attachment(1, b"", "275", "1", 0, **numbers))

    assert linked(claim=claim) == (claim, "claim")
    assert linked(trace=trace) == (claim, "announced")
    assert linked(payer_claim=payer) == (claim, "payer's number")
    assert linked(claim="OTHER", trace="T9") == ("", "")
    only = Links()
    only.read([interchange("277")], "277")
    assert only.of(Attachment(1, b"", "275", "1", 0, trace=trace)) == (claim, "request")
