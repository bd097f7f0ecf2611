"""``python -m waypost.testing.as2_matrix``: every way to protect an AS2 message, in both directions, as a table.

Each cell is a row's ways that worked, of those tried. ``—`` is what the oracle cannot do. It ends with 1 if one failed.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import product

from rich.console import Console
from rich.table import Table

from waypost.as2.algorithm import Cipher, Digest
from waypost.as2.failure import As2Error
from waypost.as2.incoming import Opened, open_message
from waypost.as2.limits import LIMITS
from waypost.as2.mime import parse_entity
from waypost.as2.outgoing import Built, Compression, Payload, Protection, TransferEncoding, build
from waypost.core.content import Content
from waypost.testing.as2_oracles import LibAs2, OpenSsl, Oracle, OracleRefused, find_libas2, find_openssl
from waypost.testing.as2_people import ACME, GLOBEX, NOW, ORDER, public, terms

TEXT = Payload(
    content=b"ISA*00*          ~\r\nGS*PO*1~\r\nIEA*1*1~\r\n", content_type="application/edi-x12", filename="a.edi"
)
"""A payload of text, for oracles that know no other."""


def protections() -> Iterator[Protection]:
    """Every combination, legacy algorithms included."""
    signatures = [(None, False, False), *product(Digest, (False, True), (False, True))]
    ciphers = [(None, False), *product(Cipher, (False, True))]
    encodings: tuple[TransferEncoding, ...] = ("binary", "base64")
    for (sign, pss, opaque), (cipher, oaep), compress, encoding in product(signatures, ciphers, Compression, encodings):
        yield Protection(
            sign=sign, pss=pss, opaque=opaque, encrypt=cipher, oaep=oaep, compress=compress,
            transfer_encoding=encoding, legacy=True,
        )  # fmt: skip


def row_of(protection: Protection) -> str:
    """The row of the table a combination counts in: its signature and its cipher."""
    sign = f"{protection.sign} {'pss' if protection.pss else 'pkcs1'}" if protection.sign else "not signed"
    key = "oaep" if protection.oaep else "pkcs1"
    return f"{sign}, {protection.encrypt} {key}" if protection.encrypt else f"{sign}, not encrypted"


@dataclass
class Tally:
    """What worked, of what was tried, per row and column."""

    good: Counter[tuple[str, str]] = field(default_factory=Counter)
    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def count(self, row: str, column: str, attempt: Callable[[], str]) -> None:
        """``attempt`` says what went wrong, or nothing."""
        try:
            wrong = attempt()
        except (As2Error, OracleRefused) as error:
            wrong = str(error)
        self.tried[row, column] += 1
        if wrong:
            self.failures.append(f"{column}: {row}: {wrong}")
        else:
            self.good[row, column] += 1

    def cell(self, row: str, column: str) -> str:
        tried = self.tried[row, column]
        return f"{self.good[row, column]}/{tried}" if tried else "—"


def from_waypost(built: Built) -> bytes:
    """What was built, as one MIME entity."""
    head = "".join(f"{name}: {value}\r\n" for name, value in built.headers.items())
    return head.encode() + b"\r\n" + built.body


def _build(payload: Payload, protection: Protection) -> Built:
    return build(payload, protection, ours=(ACME,), partner=(public(GLOBEX),), now=NOW)


def _open(mime: bytes) -> Opened:
    entity = parse_entity(Content.of(mime), LIMITS)
    return open_message(entity.headers, entity.body.whole(), terms())


def _round_trip(payload: Payload, protection: Protection) -> str:
    built = _build(payload, protection)
    opened = _open(from_waypost(built))
    mic = opened.mic((built.mic.spelled,), legacy=True)
    if opened.parts != (payload,):
        return "another payload came out"
    return "" if mic is not None and mic.same(built.mic) else "another integrity check came out"


def try_all(tally: Tally, oracles: list[Oracle], chosen: Callable[[Protection], bool] = lambda _: True) -> None:
    """Try each combination ``chosen`` with ourselves and with every oracle, in both directions."""
    for protection in filter(chosen, protections()):
        row = row_of(protection)
        tally.count(row, "self", partial(_round_trip, ORDER, protection))
        for oracle in oracles:
            payload = TEXT if oracle.name == "libas2" else ORDER
            if not oracle.lacks(protection, payload):
                tally.count(row, f"to {oracle.name}", partial(_to, oracle, payload, protection))
                tally.count(row, f"from {oracle.name}", partial(_from, oracle, payload, protection))


def _to(oracle: Oracle, payload: Payload, protection: Protection) -> str:
    got = oracle.open(from_waypost(_build(payload, protection)), protection)
    return "" if got == payload.content else f"it read {got[:60]!r}"


def _from(oracle: Oracle, payload: Payload, protection: Protection) -> str:
    opened = _open(oracle.build(payload, protection))
    seen = (opened.verified and opened.verified.digest, opened.cipher, opened.compressed)
    meant = (protection.sign, protection.encrypt, protection.compress is not Compression.NONE)
    if seen != meant:
        return f"found {seen}, expected {meant}"
    got = opened.parts[0].content
    return "" if got == payload.content else f"we read {got[:60]!r}"


def as_table(tally: Tally, oracles: list[Oracle]) -> Table:
    """A row per signature and cipher, and one with the sums."""
    columns = ["self", *(f"{way} {oracle.name}" for oracle in oracles for way in ("to", "from"))]
    table = Table("protection", *columns, title="AS2: combinations that worked, of those tried")
    for row in dict.fromkeys(map(row_of, protections())):
        table.add_row(row, *(tally.cell(row, column) for column in columns))
    table.add_row("all", *(f"{_sum(tally.good, column)}/{_sum(tally.tried, column)}" for column in columns))
    return table


def _sum(counts: Counter[tuple[str, str]], column: str) -> int:
    return sum(count for (_, of), count in counts.items() if of == column)


def main() -> int:
    """Try everything with the oracles that are installed, and print it; 1 if something failed."""
    console, tally, oracles = Console(), Tally(), list[Oracle]()
    openssl, libas2 = find_openssl(), find_libas2()
    for name, found in (("openssl", openssl), ("libas2", libas2)):
        if found is None:
            console.print(f"PEER MISSING: {name}; run tools/setup")
    try:
        oracles += [OpenSsl()] if openssl else []
        oracles += [LibAs2(libas2)] if libas2 else []
        try_all(tally, oracles)
    finally:
        for oracle in oracles:
            oracle.close()
    console.print(as_table(tally, oracles))
    for failure in tally.failures[:40]:
        console.print(failure, markup=False)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
