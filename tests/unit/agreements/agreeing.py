"""Partners for tests."""

from __future__ import annotations

from waypost.agreements.load import Partner, parse_partner
from waypost.core.errors import Fault

ACME = """\
partner: acme
identities:
  - {standard: x12, qualifier: "02", id: NORDMARKT, usage: production}
  - {standard: x12, qualifier: "02", id: NORDMARKTT, usage: test}
  - {standard: edifact, qualifier: "14", id: "4012345000009"}
us:
  - {standard: x12, qualifier: "14", id: "4399902099992"}
  - {standard: edifact, qualifier: "14", id: "4399902099992"}
contacts: [{name: EDI desk, email: edi@acme.example}]
escalation: [{after: 4h, contact: EDI desk}]
x12:
  receive:
    messages:
      - {set: "850", version: "004010"}
      - {set: "850", version: "004010", group: ACMEAP, description: of the other system}
edifact: {receive: {messages: [{set: ORDERS, version: D96A, association: EAN008}]}}
"""


def partner(text: str = ACME, name: str = "acme") -> Partner:
    """The partner of a text that has no fault."""
    faults: list[Fault] = []
    found = parse_partner(text.encode(), f"partners/{name}.yaml", faults)
    assert found is not None, faults
    return found


def faults_of(text: str, name: str = "acme") -> list[Fault]:
    """What is wrong with a partner's file."""
    faults: list[Fault] = []
    parse_partner(text.encode(), f"partners/{name}.yaml", faults)
    return faults
