"""The self-test: who may use it, what it answers, and what it does not let anybody do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flows.trading import ACME_X12, ORDERS
from tests.unit.agreements.agreeing import faults_of, partner
from waypost.core.clock import ManualClock, SystemClock
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.listener import Listener
from waypost.flow.declared.project import load_project
from waypost.flow.declared.service import SelfTestOptions
from waypost.partners.self_test.form import read_form
from waypost.partners.self_test.rate import Rate
from waypost.partners.self_test.service import SelfTest
from waypost.partners.self_test.token import allowed, digest_of, new_token, with_digest

TOKEN = "a-token-for-tests"
AGREED = f"{ACME_X12}self_test: {{token: {digest_of(TOKEN)}}}\n"
FORM = 'multipart/form-data; boundary="--x"'


def form(name: str = "a.edi", content: bytes = ORDERS.encode(), token: str = TOKEN) -> bytes:
    """What a browser sends."""
    return (
        f'----x\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n'
        f'----x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    ).encode() + content + b"\r\n----x--\r\n"  # fmt: skip


@dataclass
class Said:
    status: int
    headers: dict[str, str]
    body: str


class Served:
    """The self-test of a project, on a listener of its own."""

    def __init__(self, root: Path, **options: Any) -> None:
        (root / "partners").mkdir(parents=True)
        (root / "waypost.yaml").write_text("name: trade\n")
        (root / "partners/acme.yaml").write_text(AGREED)
        self.root, self.clock = root, ManualClock(SystemClock().now())
        self.listener = Listener()
        grants = Grants(root=root, clock=self.clock, listener=self.listener)
        self.service = SelfTest(SelfTestOptions(**options), lambda: load_project(root), grants)

    async def ask(self, path: str, body: bytes | None = None, **headers: str) -> Said:
        """One request."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.listener.address + path, body, given)
        return await asyncio.to_thread(_answer, request)


def _answer(request: urllib.request.Request) -> Said:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Said(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Said(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read().decode())


@contextlib.asynccontextmanager
async def served(root: Path, **options: Any) -> AsyncIterator[Served]:
    made = Served(root, **options)
    await made.listener.open()
    await made.service.open()
    try:
        yield made
    finally:
        await made.service.close()
        await made.listener.close()


async def test_a_file_with_the_token_gives_the_report_in_the_form_asked_for(tmp_path: Path) -> None:
    async with served(tmp_path / "p") as one:
        bad = ORDERS.replace("CTT*2", "CTT*9").encode()
        told = await one.ask("/self-test/acme", bad, authorization=f"Bearer {TOKEN}", accept="application/json")
        data = json.loads(told.body)
        assert (told.status, told.headers["waypost-accepted"], data["accepted"]) == (200, "false", False)
        assert data["errors"][0]["place"] == "CTT01" and "AK5*R*5~" in data["acknowledgements"][0]["content"]
        text = await one.ask("/self-test/acme", ORDERS.encode(), authorization=f"Bearer {TOKEN}")
        assert text.headers["waypost-accepted"] == "true" and "accepted by the agreement with acme" in text.body
        page = await one.ask("/self-test/acme", form(), content_type=FORM)
        assert page.headers["content-type"].startswith("text/html") and "AK5*A~" in page.body
        assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("token", ["", "another", digest_of(TOKEN)])
async def test_without_the_token_nobody_learns_even_whether_there_is_such_a_partner(tmp_path: Path, token: str) -> None:
    async with served(tmp_path / "p") as one:
        said = [
            await one.ask(f"/self-test/{name}", b"x", authorization=f"Bearer {token}") for name in ("acme", "nobody")
        ]
        assert [answer.status for answer in said] == [401, 401] and said[0].body == said[1].body
        pages = [
            await one.ask(f"/self-test/{name}", form(token=token), content_type=FORM) for name in ("acme", "nobody")
        ]
        assert [page.status for page in pages] == [401, 401]
        assert pages[0].body.replace("acme", "nobody") == pages[1].body


async def test_the_page_has_a_form_that_works_without_knowing_the_partner(tmp_path: Path) -> None:
    async with served(tmp_path / "p") as one:
        page = await one.ask("/self-test")
        assert re.search(r'<form method="post" enctype="multipart/form-data" action="/self-test">', page.body)
        body = form().replace(b'name="token"', b'name="partner"\r\n\r\nacme\r\n----x\r\n'
                              b'Content-Disposition: form-data; name="token"', 1)  # fmt: skip
        told = await one.ask("/self-test", body, content_type=FORM)
        assert told.status == 200 and "accepted by the agreement" in told.body


async def test_hostile_names_and_contents_are_shown_and_never_performed(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    async with served(tmp_path / "p") as one:
        content = ORDERS.replace("Deliver to gate 3.", hostile).replace("CTT*2", f"CTT*{hostile}").encode()
        page = await one.ask("/self-test/acme", form(f"{hostile}.edi", content), content_type=FORM)
        assert page.status == 200 and "<script" not in page.body and "&lt;script&gt;" in page.body
        asked = await one.ask("/self-test/%3Cscript%3E%22")
        assert "<script" not in asked.body


async def test_too_large_too_many_and_nothing_are_refused(tmp_path: Path) -> None:
    async with served(tmp_path / "p", limit_bytes=1000, per_minute=2) as one:
        bearer = f"Bearer {TOKEN}"
        assert (await one.ask("/self-test/acme", b"x" * 1001, authorization=bearer)).status == 413
        assert (await one.ask("/self-test/acme", b"x" * 40_000, authorization=bearer)).status == 413
        assert (await one.ask("/self-test/acme", form(content=b""), content_type=FORM)).status == 400
        assert (await one.ask("/self-test/acme", b"not a form", content_type=FORM)).status == 400
        for status in (200, 200, 429):
            said = await one.ask("/self-test/acme", b"hello", authorization=bearer)
            assert said.status == status
        assert 1 <= int(said.headers["retry-after"]) <= 61


async def test_a_look_that_takes_too_long_is_broken_off(tmp_path: Path) -> None:
    async with served(tmp_path / "p", timeout_seconds=0.1) as one:
        said = await one.ask("/self-test/acme", ORDERS.encode(), authorization=f"Bearer {TOKEN}")
        assert said.status == 422 and "longer than 0.1 s" in said.body
        assert not one.service._bench._running


async def test_a_look_that_takes_too_much_memory_ends_by_itself(tmp_path: Path) -> None:
    lines = "".join(f"PO1*{n}*1*EA*1**VN*{'A' * 40}~" for n in range(60_000))
    many = ORDERS.replace("CTT*2", f"{lines}CTT*2").encode()
    async with served(tmp_path / "p", memory_bytes=72 << 20, timeout_seconds=60) as one:
        small = await one.ask("/self-test/acme", ORDERS.encode(), authorization=f"Bearer {TOKEN}")
        assert small.status == 200
        said = await one.ask("/self-test/acme", many, authorization=f"Bearer {TOKEN}")
        assert said.status == 422 and ("memory" in said.body or "broke off" in said.body)
        assert (await one.ask("/self-test")).status == 200


async def test_nothing_is_written_anywhere(tmp_path: Path) -> None:
    async with served(tmp_path / "p") as one:
        before = sorted(one.root.rglob("*"))
        await one.ask("/self-test/acme", ORDERS.encode(), authorization=f"Bearer {TOKEN}")
        assert sorted(one.root.rglob("*")) == before


async def test_an_agreement_changed_meanwhile_counts_at_once(tmp_path: Path) -> None:
    async with served(tmp_path / "p") as one:
        (one.root / "partners/acme.yaml").write_text(AGREED.replace('set: "850"', 'set: "860"'))
        said = await one.ask("/self-test/acme", ORDERS.encode(), authorization=f"Bearer {TOKEN}")
        assert said.headers["waypost-accepted"] == "false" and "850 004010 is not agreed" in said.body


def test_a_rate_lets_so_many_through_in_any_minute() -> None:
    now = [0.0]
    rate = Rate(2, lambda: now[0])
    assert [rate.wait("a"), rate.wait("a"), rate.wait("a"), rate.wait("b")] == [0.0, 0.0, 60.0, 0.0]
    now[0] = 59.0
    assert rate.wait("a") == 1.0
    now[0] = 60.0
    assert rate.wait("a") == 0.0


def test_a_token_is_the_partner_s_until_its_last_day() -> None:
    known = partner(AGREED.replace("}\n", ", valid_until: '2026-12-31'}\n") if "valid_until" in AGREED else
                    f"{ACME_X12}self_test: {{token: {digest_of(TOKEN)}, valid_until: '2026-12-31'}}\n")  # fmt: skip
    assert allowed(known, TOKEN, date(2026, 12, 31)) and not allowed(known, TOKEN, date(2027, 1, 1))
    assert not allowed(known, "another", date(2026, 12, 31)) and not allowed(None, TOKEN, date(2026, 12, 31))
    assert not allowed(partner(ACME_X12), TOKEN, date(2026, 12, 31))
    assert len(new_token()) == 32 and new_token() != new_token()


def test_a_token_itself_in_the_partner_s_file_is_refused() -> None:
    [fault] = faults_of(f"{ACME_X12}self_test: {{token: {TOKEN}}}\n")
    assert "never the token itself" in str(fault) and TOKEN not in str(fault)


def test_a_new_digest_takes_the_place_of_the_one_before() -> None:
    first = with_digest(ACME_X12, digest_of("one")) or ""
    second = with_digest(first, digest_of("two")) or ""
    assert first == f"{ACME_X12}self_test:\n  token: {digest_of('one')}\n"
    assert second == first.replace(digest_of("one"), digest_of("two"))
    assert with_digest(AGREED, digest_of("two")) is None


@given(st.binary(max_size=400), st.sampled_from([b"", form(), form()[:-4], b"----x", b"----x--"]), st.integers(0, 400))
def test_whatever_comes_as_a_form_is_read_or_refused(noise: bytes, start: bytes, cut: int) -> None:
    for body in (start[:cut] + noise + start[cut:], noise):
        with contextlib.suppress(DataError):
            assert all(isinstance(value, bytes) for value in read_form(FORM, body).fields.values())


@given(st.binary(max_size=200).filter(lambda content: b"\r\n----x" not in content))
def test_a_file_in_a_form_comes_out_as_it_went_in(content: bytes) -> None:
    sent = read_form(FORM, form("a b.edi", content))
    assert (sent.fields["file"], sent.file_name) == (content, "a b.edi")
