"""The AS2 headers of a request, from partners who mean well and from others."""

from __future__ import annotations

import pytest

from waypost.as2.failure import As2Error
from waypost.as2.header import Head, ReceiptRequest, read_head, read_name, write_head, write_name
from waypost.as2.limits import Limits
from waypost.as2.mime import parse_entity
from waypost.core.content import Content
from waypost.core.errors import ConfigurationRefused

SOUND = [("AS2-From", "acme"), ("AS2-To", "globex"), ("Message-ID", "<1@acme>")]


@pytest.mark.parametrize("name", ["acme", "Acme Corp", 'a"b\\c', "x" * 128, "ZZ:123", " "])
def test_a_name_reads_as_it_was_written(name: str) -> None:
    assert read_name(write_name(name), "as2-from") == name


@pytest.mark.parametrize("text", ["", "a b", '"a', 'a"b', '"a"b"', "é", "x" * 129, '""', '"a\\n"', "a\x00"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(As2Error, match="as2-to"):
        read_name(text, "as2-to")


@pytest.mark.parametrize("name", ["", "é", "a\r\nb", "x" * 129])
def test_a_name_that_cannot_be_written_is_a_fault_of_the_configuration(name: str) -> None:
    with pytest.raises(ConfigurationRefused):
        write_name(name)


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_a_request_without_a_header_it_needs_is_refused_by_name(left_out: int) -> None:
    with pytest.raises(As2Error, match=SOUND[left_out][0].lower()):
        read_head(h for h in SOUND if h is not SOUND[left_out])


@pytest.mark.parametrize("name", ["as2-from", "AS2-TO", "Message-Id", "content-type"])
def test_a_header_that_decides_may_be_there_only_once(name: str) -> None:
    with pytest.raises(As2Error, match="twice"):
        read_head([*SOUND, ("Content-Type", "text/plain"), (name, "x")])


def test_folded_headers_are_one_value() -> None:
    options = (
        "signed-receipt-protocol=required,\r\n\tpkcs7-signature;\r\n signed-receipt-micalg=optional, SHA-256 ,sha1"
    )
    head = read_head([*SOUND, ("disposition-notification-to", "x"), ("Disposition-Notification-Options", options)])
    assert head.receipt == ReceiptRequest(signed=True, signed_required=True, micalgs=("SHA-256", "sha1"))


def test_a_request_reads_as_it_was_written() -> None:
    receipt = ReceiptRequest(
        signed=True, signed_required=True, micalgs=("sha-256", "sha1"), micalg_required=True, address="https://a/b"
    )
    head = Head(sender="Acme Corp", receiver="globex", message_id="<1@acme>", subject="orders", receipt=receipt)
    assert read_head(write_head(head).items()) == head
    plain = Head(sender="a", receiver="b", message_id="<2@a>")
    assert read_head(write_head(plain).items()) == plain


@pytest.mark.parametrize("message_id", ["x" * 999, "<é>", "<a\r\nb>"])
def test_a_message_id_that_could_not_be_quoted_back_is_refused(message_id: str) -> None:
    with pytest.raises(As2Error, match="message-id"):
        read_head([*SOUND[:2], ("Message-ID", message_id)])


def test_too_many_headers_are_refused() -> None:
    many = [*SOUND, *((f"X-{n}", "x") for n in range(300))]
    with pytest.raises(As2Error, match="too many headers"):
        read_head(many)
    with pytest.raises(As2Error, match="too many headers"):
        read_head([*SOUND, ("X", "x" * 2000)], Limits(headers=1000))


def test_an_entity_without_an_end_of_headers_is_not_searched_beyond_the_limit() -> None:
    with pytest.raises(As2Error, match="no blank line in the first 1000 bytes"):
        parse_entity(Content.of(b"X: y\r\n" * 10_000), Limits(headers=1000))
