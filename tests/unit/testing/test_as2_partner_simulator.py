"""Two simulated partners over AS2 trade with each other: signed, encrypted, with receipts, each message once."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.testing.test_edi_desk import EDIFACT
from waypost.core.errors import ContractError
from waypost.testing.demo.play import until
from waypost.testing.simulators.as2_partner import As2PartnerSimulator, Names

Pair = tuple[As2PartnerSimulator, As2PartnerSimulator]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Globex and we; both know the same two certificates."""
    globex = As2PartnerSimulator(tmp_path / "globex", Names("GLOBEX", "WAYPOST"))
    await globex.open()
    shutil.copytree(tmp_path / "globex" / "keys", tmp_path / "us" / "keys")
    us = As2PartnerSimulator(tmp_path / "us", Names("WAYPOST", "GLOBEX"))
    await us.open()
    globex.deliver_to, us.deliver_to = us.address, globex.address
    yield globex, us
    await us.close()
    await globex.close()


async def settled(partner: As2PartnerSimulator, answers: int) -> None:
    await until(lambda: len(partner.desk.ledger.answers) >= answers, "answers")


async def test_a_document_arrives_once_with_a_receipt_and_its_acknowledgement_comes_back(pair: Pair) -> None:
    globex, us = pair
    await us.send(EDIFACT.encode())
    await settled(us, 1)
    assert us.receipts == ["processed"] and len(globex.message_ids) == 1
    assert [one.order for one in globex.desk.ledger.documents] == ["GX-1"]
    assert us.desk.ledger.answers == {"7": "7"}
    assert [path.read_bytes() for path in globex.received_folder.glob("001-*")] == [EDIFACT.encode()]


async def test_an_acknowledgement_is_held_back_until_it_is_released(pair: Pair) -> None:
    globex, us = pair
    globex.late = lambda document: document.order == "GX-1"
    await us.send(EDIFACT.encode())
    assert us.desk.ledger.answers == {}
    assert await globex.release() == 1
    await settled(us, 1)
    assert await globex.release() == 0


async def test_what_is_signed_by_somebody_else_is_refused(pair: Pair, tmp_path: Path) -> None:
    globex, _ = pair
    stranger = As2PartnerSimulator(tmp_path / "other", Names("WAYPOST", "GLOBEX"), globex.address)
    await stranger.open()
    stranger.certificate("GLOBEX").write_bytes(globex.certificate("GLOBEX").read_bytes())
    try:
        with pytest.raises(ContractError, match="authentication-failed"):
            await stranger.send(EDIFACT.encode())
    finally:
        await stranger.close()
    assert globex.desk.ledger.documents == [] and globex.message_ids == []


async def test_keys_are_for_their_owner_alone(pair: Pair) -> None:
    globex, _ = pair
    assert globex.key("GLOBEX").stat().st_mode & 0o077 == 0
