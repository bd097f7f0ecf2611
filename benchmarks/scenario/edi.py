"""EDI files checked whole: envelopes, order, types, lengths, codes, composites, conditions, totals; one core.

The files are generated: X12 850 in 004010, 837 by the guide of the professional claim 005010X222A1, and EDIFACT ORDERS
in D.96A with released characters. Speed is bytes of file
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
        for case, write, least, aim in (
            ("850", _write_850, 10, 20), ("837P", _write_837, 10, 20), ("ORDERS", _write_orders, 8, 15),
        ):  # fmt: skip
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


def _write_837(path: Path, size: int, every: int) -> None:
    head = (
        f"{ISA.replace('U*00401', '^*00501').replace('>', ':')}~GS*HC*SENDER*RECEIVER*20240101*1200*1*X*005010X222A1~"
    )
    _write(path, size, head, "~", "GE*{n}*1~IEA*1*000000001~", _claims)


def _claims(number: int, chance: random.Random) -> list[str]:
    """A transaction set with some claims of one provider, every third for a dependent, every fourth paid by another."""
    segments = [
        f"ST*837*{number:04d}*005010X222A1", f"BHT*0019*00*{number:08d}*20240215*1023*CH",
        "NM1*41*2*PREMIER BILLING SERVICE*****46*TGJ23", "PER*IC*JERRY*TE*3055552222*EX*231",
        "NM1*40*2*REPRICER XYZ*****46*66783JJT",
        "HL*1**20*1", "PRV*BI*PXC*203BF0100Y", "NM1*85*2*BEN KILDARE SERVICE*****XX*9876543210", "N3*234 SEAWAY ST",
        "N4*MIAMI*FL*331110000", "REF*EI*587654321", "NM1*87*2", "N3*2345 OCEAN BLVD", "N4*MIAMI*FL*331110000",
    ]  # fmt: skip
    level = 1
    for claim in range(chance.randint(3, 12)):
        level += 1
        dependent = claim % 3 == 0
        segments += [
            f"HL*{level}*1*22*{int(dependent)}", f"SBR*P*{'' if dependent else '18'}*2222-SJ******CI",
            f"NM1*IL*1*SMITH*JANE****MI*JS{chance.randint(10**6, 10**7 - 1)}", "N3*236 N MAIN ST",
            "N4*MIAMI*FL*33413",
            *([] if dependent else ["DMG*D8*19430501*F"]),
            "NM1*PR*2*KEY INSURANCE COMPANY*****PI*999996666", "REF*G2*KA6663",
        ]  # fmt: skip
        if dependent:
            level += 1
            segments += [f"HL*{level}*{level - 1}*23*0", "PAT*19", "NM1*QC*1*SMITH*TED", "N3*236 N MAIN ST",
                         "N4*MIAMI*FL*33413", "DMG*D8*19730501*M"]  # fmt: skip
        segments += _claim(chance, claim % 4 == 0)
    return [*segments, f"SE*{len(segments) + 1}*{number:04d}"]


def _claim(chance: random.Random, shared: bool) -> list[str]:
    charges = [chance.randint(1_000, 30_000) / 100 for _ in range(chance.randint(2, 7))]
    segments = [
        f"CLM*{chance.randint(10**7, 10**8 - 1)}*{sum(charges):.2f}***11:B:1*Y*A*Y*I", "DTP*431*D8*20240201",
        f"REF*D9*{chance.randint(10**11, 10**12 - 1)}", "HI*BK:0340*BF:V7389", "NM1*82*1*KILDARE*BEN****XX*9999977777",
        "PRV*PE*PXC*204C00000X", "NM1*77*2*KILDARE ASSOCIATES*****XX*9999977779", "N3*2345 OCEAN BLVD",
        "N4*MIAMI*FL*331110000",
    ]  # fmt: skip
    if shared:
        segments += ["SBR*S*01*******CI", "AMT*D*10", "OI***Y*P**Y", "NM1*IL*1*SMITH*JACK****MI*T55TY666",
                     "NM1*PR*2*GREAT PRAIRIES HEALTH*****PI*888887777"]  # fmt: skip
    for line, charge in enumerate(charges, 1):
        segments += [
            f"LX*{line}", f"SV1*HC:9921{line % 5 + 1}:25*{charge:.2f}*UN*1***1:2", f"DTP*472*D8*202402{10 + line:02d}",
            f"REF*6R*{chance.randint(10**7, 10**8 - 1)}",
        ]  # fmt: skip
        if shared:
            segments += [
                f"SVD*888887777*{charge - 10:.2f}*HC:9921{line % 5 + 1}**1",
                "CAS*PR*1*10",
                "DTP*573*D8*20240220",
            ]
    return segments


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
