"""Addresses that hand out credentials are refused in every spelling; ordinary ones are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.connectors import http_guard
from waypost.connectors.http_connection import HttpConnection, HttpConnectionOptions
from waypost.connectors.http_guard import is_denied
from waypost.core.errors import ConfigurationRefused
from waypost.core.grants import Grants

METADATA = [
    ("169.254.169.254", "plain"),
    ("169.254.0.1", "any link-local"),
    ("[::ffff:169.254.169.254]", "IPv4-mapped"),
    ("[::ffff:a9fe:a9fe]", "IPv4-mapped in hexadecimal"),
    ("[::a9fe:a9fe]", "IPv4-compatible"),
    ("[64:ff9b::a9fe:a9fe]", "NAT64"),
    ("[2002:a9fe:a9fe::1]", "6to4"),
    ("[fe80::1]", "link-local"),
    ("[fd00:ec2::254]", "AWS over IPv6"),
    ("100.100.100.200", "Alibaba"),
]
SPELLINGS = [
    ("2852039166", "decimal"),
    ("0xA9FEA9FE", "hexadecimal"),
    ("0251.0376.0251.0376", "octal"),
    ("169.16689662", "two parts"),
]


@pytest.mark.parametrize("host", [h for h, _ in METADATA + SPELLINGS], ids=[why for _, why in METADATA + SPELLINGS])
def test_a_metadata_address_is_found_when_the_project_is_checked(host: str) -> None:
    assert [fault.option for fault in HttpConnectionOptions(address=f"http://{host}/").faults()] == ["address"]


@pytest.mark.parametrize("host", [h for h, _ in METADATA + SPELLINGS], ids=[why for _, why in METADATA + SPELLINGS])
async def test_a_metadata_address_is_refused_when_it_is_used(host: str) -> None:
    pool = HttpConnection(HttpConnectionOptions(address=f"http://{host}"), Grants(root=Path()))
    with pytest.raises(ConfigurationRefused, match="where machines get credentials"):
        try:
            await pool.open()
            await pool.call("GET", "/latest/meta-data", limit_bytes=100)
        finally:
            await pool.close()


async def test_a_name_that_leads_to_metadata_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: [(2, 1, 6, "", ("169.254.169.254", 80))])
    pool = HttpConnection(HttpConnectionOptions(address="http://innocent.example"), Grants(root=Path()))
    await pool.open()
    try:
        with pytest.raises(ConfigurationRefused, match=r"'innocent\.example' leads to 169\.254"):
            await pool.call("GET", "/", limit_bytes=100)
    finally:
        await pool.close()


async def test_the_guard_is_what_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off, the resolver lets a spelling through: the cases above test the guard and nothing else."""
    monkeypatch.setattr(http_guard, "is_denied", lambda host: False)
    resolver = http_guard.guarded_resolver()
    assert (await resolver.resolve("2852039166", 80))[0]["host"] == "169.254.169.254"
    await resolver.close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.8", "192.168.1.5", "::1", "fd12::1", "erp.example", "", "8.8.8.8"]
)
def test_ordinary_addresses_are_allowed(host: str) -> None:
    assert not is_denied(host)


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd", "gopher://x", "ftp://x", "erp.example", "http://", "http://user:pw@erp.example",
        "http://erp.example?x=1", "http://erp.example#x", "http://erp.example:99999", "http://erp\r\n.example",
        "http://a\\@b",
    ],
)  # fmt: skip
def test_an_address_that_is_no_base_url_is_a_fault(address: str) -> None:
    assert {fault.option for fault in HttpConnectionOptions(address=address).faults()} == {"address"}
