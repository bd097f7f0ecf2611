"""One mailbox at a value-added network, over SFTP, shared by all partners: read, sorted, answered, reported on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.flows.system import System
from tests.flows.test_acknowledgement_ledger import ACK, WAITING, ledger
from tests.flows.test_partner import BOLT
from tests.flows.trading import CONFIRMATION, ORDERS, project
from tests.peers.ssh import SshServer

CONNECTION = """\
van: {{kind: sftp, address: '{address}', user: {user}, key_file: {key}, known_hosts: {known}}}
"""
INBOX = """\
flow: inbox
description: What lies in the mailbox goes to whom it concerns.
owner: edi
source:
  sftp: {connection: van, path: 'FOLDER/inbox/*.edi', after: archive, archive_path: FOLDER/taken, poll_seconds: 0.1}
format: {x12: {partner: any}}
steps:
  - filter: transaction.set != '997'
  - route: [{when: partner == 'acme', to: acme}, {when: partner == 'bolt', to: bolt}]
targets:
  acme: {memory: acme}
  bolt: {memory: bolt}
"""
OUTBOX = """\
flow: confirm
description: Answers to acme.
owner: edi
source: {memory: in}
format: json
keys: {to: to}
targets:
  van:
    sftp: {connection: van, path: FOLDER/outbox, name: '{keys.to}-{date:%Y%m%d}-{counter:06d}.edi'}
    format: {x12: {partner: acme}}
"""
REPORTS = """\
flow: reports
description: What the network says of what we sent; a delivery that failed is looked at.
owner: edi
source: {sftp: {connection: van, path: 'FOLDER/reports/*.csv', after: delete, poll_seconds: 0.1}}
format: csv
steps:
  - filter: status != 'DELIVERED'
targets:
  alarm: {memory: alarm, format: json}
"""
TO_ACME = CONFIRMATION.replace("{", '{"to": "acme", ', 1)


class Mailbox:
    """The folders of the mailbox."""

    def __init__(self, server: SshServer, root: Path) -> None:
        self.server, self.root = server, root
        for name in ("inbox", "outbox", "reports", "taken"):
            (root / name).mkdir(parents=True)

    def put(self, name: str, text: str, folder: str = "inbox") -> None:
        half = self.root / folder / f".{name}.half"
        half.write_text(text)
        half.rename(self.root / folder / name)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir() if not path.name.startswith("."))


@pytest_asyncio.fixture
async def mailbox(ssh_server: SshServer, tmp_path: Path) -> Mailbox:
    return Mailbox(ssh_server, ssh_server.root / tmp_path.name)


@pytest_asyncio.fixture
async def system(mailbox: Mailbox, tmp_path: Path) -> AsyncIterator[System]:
    server = mailbox.server
    connection = CONNECTION.format(
        address=server.address, user=server.user, key=server.key, known=server.known_hosts
    )  # fmt: skip
    flows = {"inbox": INBOX, "confirm": OUTBOX, "reports": REPORTS}
    files = {f"flows/{name}.yaml": text.replace("FOLDER", mailbox.root.name) for name, text in flows.items()}
    partners = {name: text for name, text in project(acme=WAITING, bolt=BOLT).items() if name.startswith("partners/")}
    system = System(tmp_path, {**files, **partners, "connections.yaml": connection})
    await system.start()
    yield system
    await system.stop()


def partners_of(bodies: list[str]) -> list[Any]:
    return [json.loads(body)["partner"] for body in bodies]


async def test_interchanges_of_all_partners_are_sorted_by_their_envelopes(system: System, mailbox: Mailbox) -> None:
    bolt = ORDERS.replace("ZZ*NORDMARKT      ", "01*BOLT           ")
    unknown = ORDERS.replace("ZZ*NORDMARKT      ", "ZZ*SOMEBODY       ")
    mailbox.put("0001.edi", ORDERS + bolt + "\r\n" + ORDERS)
    mailbox.put("0002.edi", unknown + bolt)
    mailbox.put("0003.edi.part", ORDERS)
    await system.until(lambda: mailbox.names("taken") == ["0001.edi", "0002.edi"], step=0.2)
    await system.until(lambda: len(system.out("bolt")) == 2 and len(system.out("acme")) == 2)
    assert partners_of(system.out("acme")) == ["acme"] * 2 and partners_of(system.out("bolt")) == ["bolt"] * 2
    await system.settle()
    assert sorted(await system.states()) == ["delivered"] * 4 + ["parked"]
    assert mailbox.names("inbox") == ["0003.edi.part"]


async def test_answers_are_left_under_names_made_for_them_and_acknowledged_through_the_mailbox(
    system: System, mailbox: Mailbox
) -> None:
    system.put(TO_ACME % 1, TO_ACME % 2)
    await system.until(lambda: len(mailbox.names("outbox")) == 2)
    first, second = mailbox.names("outbox")
    assert (first[:5], first[-10:], second[-10:]) == ("acme-", "000001.edi", "000002.edi")
    assert (mailbox.root / "outbox" / first).read_text().startswith("ISA*")
    assert {one.state for one in (await ledger(system)).expectations} == {"open"}
    mailbox.put("ack.edi", ACK.format(group="7", code="A"))
    await system.until(lambda: mailbox.names("taken") == ["ack.edi"], step=0.2)
    assert sorted(one.state for one in (await ledger(system)).expectations) == ["closed", "open"]


async def test_a_report_of_the_network_that_something_was_not_delivered_is_looked_at(
    system: System, mailbox: Mailbox
) -> None:
    mailbox.put("r1.csv", "interchange,status\n41,DELIVERED\n42,UNKNOWN RECEIVER\n", "reports")
    await system.until(lambda: len(system.out("alarm")) == 1, step=0.2)
    assert json.loads(system.out("alarm")[0]) == {"interchange": "42", "status": "UNKNOWN RECEIVER"}
    await system.until(lambda: mailbox.names("reports") == [], step=0.2)
