"""The limits of the self-test: what one partner sees of another, and what the look at a file may use."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tests.flows.trading import ACME_X12, ORDERS
from tests.unit.agreements.agreeing import partner
from tests.unit.partners.test_self_test import AGREED, TOKEN, served
from waypost.as2.failure import As2Error, Disposition
from waypost.core.clock import SystemClock
from waypost.core.content import Content
from waypost.core.errors import DataError
from waypost.core.grants import Grants, HttpResponse
from waypost.flow.declared.project import load_project
from waypost.flow.declared.service import SelfTestOptions
from waypost.partners.self_test.bench import Bench
from waypost.partners.self_test.child import Report, Task
from waypost.partners.self_test.form import read_form
from waypost.partners.self_test.rate import Rate
from waypost.partners.self_test.station import Station
from waypost.partners.self_test.token import digest_of

OTHER = "the token of globex"
GLOBEX = (
    AGREED.replace("partner: acme", "partner: globex")
    .replace("id: NORDMARKT", "id: GLOBEX")
    .replace("4012345000009", "4012345000016")
    .replace(digest_of(TOKEN), digest_of(OTHER))
)


def report(text: str, size: int = 0) -> Report:
    return Report(True, text, text, "p" * size, b"{}")


async def test_a_partner_s_token_opens_nothing_of_another(tmp_path: Path) -> None:
    async with served(tmp_path / "p") as one:
        (one.root / "partners/globex.yaml").write_text(GLOBEX)
        one.service._station.last["acme"] = report("a secret of acme")
        mine, other = {"authorization": f"Bearer {TOKEN}"}, {"authorization": f"Bearer {OTHER}"}
        assert (await one.ask("/self-test/globex", b"x", **other)).status == 200
        assert (await one.ask("/self-test/acme", ORDERS.encode(), **other)).status == 401
        assert (await one.ask("/self-test/acme/as2/report", b"", **other)).status == 401
        assert (await one.ask("/self-test/globex/as2/report", b"", **other)).status == 404
        told = await one.ask("/self-test/acme/as2/report", b"", **mine)
        assert told.body == "a secret of acme" and "default-src 'none'" in told.headers["content-security-policy"]


async def test_the_minute_of_one_partner_is_not_that_of_another(tmp_path: Path) -> None:
    async with served(tmp_path / "p", per_minute=1) as one:
        (one.root / "partners/globex.yaml").write_text(GLOBEX)
        asked = [("acme", TOKEN), ("acme", TOKEN), ("globex", OTHER)]
        said = [await one.ask(f"/self-test/{name}", b"x", authorization=f"Bearer {token}") for name, token in asked]
        assert [answer.status for answer in said] == [200, 429, 200]


def station(root: Path, bench: Any, **options: Any) -> Station:
    given = SelfTestOptions(**options)
    return Station(given, lambda: load_project(root), Grants(root=root), bench, Rate(given.per_minute, lambda: 0.0))


def test_reports_of_messages_over_as2_are_kept_within_bounds(tmp_path: Path) -> None:
    kept = station(tmp_path, None)
    for name in ("a", "b", "c"):
        kept._keep(name, report(name, 15 << 20))
    assert list(kept.last) == ["b", "c"]
    kept._keep("huge", report("huge", 40 << 20))
    assert list(kept.last) == ["huge"]


# ── the process that looks ──


def performed(code: str, memory: int = 1 << 30) -> subprocess.CompletedProcess[str]:
    """What becomes of code in a process that gave up what the look gives up."""
    begin = f"from waypost.partners.self_test.child import confined\nconfined({memory}, 1)\n"
    return subprocess.run([sys.executable, "-c", begin + code], capture_output=True, text=True, timeout=60, check=False)


def test_the_look_cannot_write_a_file(tmp_path: Path) -> None:
    file = tmp_path / "written"
    done = performed(f"import os; os.write(os.open({str(file)!r}, os.O_CREAT | os.O_WRONLY), b'x')")
    assert done.returncode != 0 and file.read_bytes() == b""


def test_the_look_ends_with_its_time_though_nobody_waits() -> None:
    assert performed("while True: pass").returncode < 0


def test_the_look_cannot_take_more_memory() -> None:
    assert "MemoryError" in performed("bytes(1 << 30)", 512 << 20).stderr


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Bench:
    """A bench whose process is this script of the shell."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return Bench(SelfTestOptions(), SystemClock(), tmp_path)


async def test_the_look_hears_no_secret_and_sees_only_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", "a secret of the system")
    bench = stand_in(tmp_path, monkeypatch, f"env > {tmp_path}/env; cat > {tmp_path}/task; exit 1")
    files = {"partners/acme.yaml": b"p", "schemas/x.yaml": b"s", "environments/prod.yaml": b"e", "flows/f.yaml": b"f"}
    with pytest.raises(DataError, match="broke off"):
        await bench.look("acme", "a\x1b[2J\n.edi" + "x" * 500, b"ISA", files)
    assert "a secret of the system" not in (tmp_path / "env").read_text()
    task = msgspec.msgpack.decode((tmp_path / "task").read_bytes(), type=Task)
    assert sorted(task.files) == ["partners/acme.yaml", "schemas/x.yaml"]
    assert task.name.startswith("a?[2J?.edi") and len(task.name) == 120


async def test_a_bench_that_closes_ends_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = stand_in(tmp_path, monkeypatch, "exec sleep 60")
    looking = asyncio.create_task(bench.look("acme", "a", b"ISA", {}))
    async with asyncio.timeout(20):
        while not bench._running:  # noqa: ASYNC110 - the start of a process is waited for
            await asyncio.sleep(0.01)
        await bench.close()
        with pytest.raises(DataError, match="broke off"):
            await looking


async def test_no_more_files_are_looked_at_at_once_than_agreed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, running, most = Bench(SelfTestOptions(at_once=2), SystemClock(), tmp_path), 0, 0

    async def perform(task: bytes) -> Report:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return report("seen")

    monkeypatch.setattr(bench, "_perform", perform)
    await asyncio.gather(*(bench.look("acme", "a", b"ISA", {}) for _ in range(8)))
    assert most == 2


def test_a_form_of_many_parts_is_refused() -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    assert read_form("multipart/form-data; boundary=x", part * 8 + b"--x--\r\n").fields == {"a": b"b"}
    with pytest.raises(DataError, match="more than 8 parts"):
        read_form("multipart/form-data; boundary=x", part * 9 + b"--x--\r\n")


async def test_messages_over_as2_are_counted_apart_and_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served_ = station(tmp_path, None, per_minute=2)
    names = {"as2-from": "ACME", "as2-to": "WAYPOST", "message-id": "<1@acme>", "as2-version": "1.2"}
    request: Any = SimpleNamespace(headers=names, parameters={"partner": "acme"}, content=Content.of(b"x"))
    monkeypatch.setattr(served_, "_connection", lambda name, asked: object())

    async def opened(name: str, connection: object, asked: object) -> HttpResponse:
        return HttpResponse(200)

    monkeypatch.setattr(served_, "_opened", opened)
    assert [(await served_.take(request)).status for _ in range(3)] == [200, 200, 429]
    assert served_._rate.wait("acme") == 0.0


@pytest.mark.parametrize(("text", "is_let_in"), [(AGREED, True), (ACME_X12, False)], ids=["agreed", "not agreed"])
def test_the_station_is_for_partners_with_a_self_test_alone(tmp_path: Path, text: str, is_let_in: bool) -> None:
    acme = partner(f"{text}endpoints: {{as2: {{connection: acme-as2}}}}\n")
    over_as2 = SimpleNamespace(use=SimpleNamespace(component=SimpleNamespace(name="as2")))
    project: Any = SimpleNamespace(partners={"acme": acme}, connections={"acme-as2": over_as2})
    pool = SimpleNamespace(options=SimpleNamespace(them="ACME", us="WAYPOST"))
    connections: Any = {"acme-as2": SimpleNamespace(pool=pool)}
    grants, options = Grants(root=tmp_path, connections=connections), SelfTestOptions()
    bench: Any = None
    made = Station(options, lambda: project, grants, bench, Rate(1, lambda: 0.0))
    asked: Any = SimpleNamespace(head=SimpleNamespace(sender="ACME", receiver="WAYPOST"))
    assert (made._connection("acme", asked) is pool) is is_let_in


async def test_a_message_over_as2_may_be_no_larger_than_a_file(tmp_path: Path) -> None:
    seen: list[int] = []

    def opened(connection: object, limit_bytes: int) -> None:
        seen.append(limit_bytes)
        raise As2Error(Disposition.UNEXPECTED_PROCESSING_ERROR, "too large")

    async def opens() -> None:
        return None

    connection: Any = SimpleNamespace(open=opens)
    asked: Any = SimpleNamespace(opened=opened, head=SimpleNamespace(receipt=None))
    answer = await station(tmp_path, None, limit_bytes=1000)._opened("acme", connection, asked)
    assert (answer.status, seen) == (400, [1000])
