"""EDI files checked whole: envelopes, order, types, lengths, codes, composites, conditions, totals; one core.

The files are generated: X12 850 in 004010, and EDIFACT ORDERS in D.96A with released characters. Speed is bytes of file
by seconds of processor, so that other work on the machine counts little.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench import Bench, medians
from waypost.formats.edi.examine.examination import examine_path
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.schema.load import Library

ISA = "ISA*00*          *00*          *ZZ*SENDERID       *ZZ*RECEIVERID     *240101*1200*U*00401*000000001*0*P*>"
BYTES_A_MESSAGE = 200
MEGABYTE = 1_000_000


def run(bench: Bench) -> None:
    """Sound files of both standards, and one where every tenth message has a fault."""
    size = bench.plan.messages * BYTES_A_MESSAGE
    with bench.fresh() as folder:
        for case, write, least, aim in (("850", _write_850, 10, 20), ("ORDERS", _write_orders, 8, 15)):
            path = folder / f"{case}.edi"
            write(path, size, 0)
            found = medians([_sample(path) for _ in range(bench.plan.repeats)])
            bench.add(f"{case}, all sound", found, target=f"≥ {least} MB/s (aim {aim})", passed=found["mb_s"] >= least)
        path = folder / "faulty.edi"
        _write_850(path, size, 10)
        bench.add("850, every tenth with a fault", medians([_sample(path) for _ in range(bench.plan.repeats)]))


def _sample(path: Path) -> dict[str, float]:
    schemas = Schemas(Library())
    begun = time.process_time()
    report = examine_path(path, schemas)
    seconds = time.process_time() - begun
    messages = sum(counted.received for counted in report.sets.values())
    return {"mb_s": path.stat().st_size / MEGABYTE / seconds, "messages": messages, "faults": report.faults}


def _write_850(path: Path, size: int, every: int) -> None:
    head = f"{ISA}~GS*PO*SENDER*RECEIVER*20240101*1200*1*X*004010~"
    _write(path, size, head, "~", "GE*{n}*1~IEA*1*000000001~", lambda n, chance: _order_850(n, chance, every))


def _order_850(number: int, chance: random.Random, every: int) -> list[str]:
    wrong = bool(every) and number % every == 0
    segments = [
        f"ST*850*{number:04d}", f"BEG*{'99' if wrong else '00'}*SA*PO{number:08d}**2024021{number % 10}", "CUR*BY*USD",
        "REF*DP*0099", "REF*IA*123456", "PER*BD*JANE DOE*TE*5551234567*EM*jane@example.com", "DTM*002*20240215",
        "TD5*O*2*UPSN*M*GROUND", "N1*BY*ACME STORES*92*0001", "N1*ST*ACME DC 12*92*0012", "N3*100 MAIN STREET*SUITE 4",
        "N4*SPRINGFIELD*IL*62701*US",
    ]  # fmt: skip
    lines = chance.randint(5, 30)
    for line in range(1, lines + 1):
        price, upc = chance.randint(1, 99_999) / 100, chance.randint(10**11, 10**12 - 1)
        segments.append(f"PO1*{line}*{chance.randint(1, 500)}*EA*{price:.2f}*PE*VP*SKU{line:05d}*UP*{upc}")
        segments.append(f"PID*F****WIDGET NUMBER {chance.randint(1, 999)} BLUE")
        if line % 3 == 0:
            segments += ["PO4*12*1*EA", f"REF*LI*{line}"]
    segments.append(f"CTT*{lines}")
    return [*segments, f"SE*{len(segments) + 1}*{number:04d}"]


def _write_orders(path: Path, size: int, every: int) -> None:
    head = "UNA:+.? 'UNB+UNOC:3+5412345000013:14+4012345000094:14+240101:1200+REF1'"
    _write(path, size, head, "'", "UNZ+{n}+REF1'", _orders)


def _orders(number: int, chance: random.Random) -> list[str]:
    segments = [
        f"UNH+{number}+ORDERS:D:96A:UN:EAN008", f"BGM+220+PO{number:08d}+9", "DTM+137:20240215:102",
        "FTX+ZZZ+++DELIVER TO THE BACK?'S DOOR", "RFF+CT:AUG?+48", "NAD+BY+5412345000013::9", "CTA+OC+:JANE DOE",
        "COM+555?:1234:TE", "NAD+SU+4012345000094::9++ACME GMBH+HAUPTSTR 1+BERLIN++10115+DE", "CUX+2:EUR:9",
    ]  # fmt: skip
    lines = chance.randint(5, 30)
    for line in range(1, lines + 1):
        segments += [
            f"LIN+{line}++{4_000_000_000_000 + chance.randint(1, 10**10)}:EN", f"PIA+1+SKU{line:05d}:SA",
            f"IMD+F++:::WIDGET {chance.randint(1, 999)} 5?'4?+", f"QTY+21:{chance.randint(1, 500)}:PCE",
            f"MOA+203:{chance.randint(1, 99_999) / 100:.2f}", f"PRI+AAA:{chance.randint(1, 9_999) / 100:.2f}",
        ]  # fmt: skip
    segments += ["UNS+S", f"CNT+2:{lines}"]
    return [*segments, f"UNT+{len(segments) + 1}+{number}"]


def _write(
    path: Path, size: int, head: str, mark: str, tail: str, make: Callable[[int, random.Random], list[str]]
) -> None:
    chance, written, number = random.Random(1), 0, 0
    with path.open("w", encoding="ascii") as file:
        file.write(head)
        while written < size:
            number += 1
            written += file.write(mark.join(make(number, chance)) + mark)
        file.write(tail.format(n=number))
