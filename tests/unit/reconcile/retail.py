"""Conversations about orders, of our own making, in X12 and EDIFACT: interchanges in the order of time."""

from __future__ import annotations


def x12(set_id: str, group: str, text: str, day: str = "20260302", time: str = "0900", to_us: bool = True) -> bytes:
    """One transaction set in its envelope; ``to_us`` says that the buyer sends it."""
    parties = ("BUYER", "SUPPLIER") if to_us else ("SUPPLIER", "BUYER")
    lines = [line.strip() for line in text.strip().splitlines()]
    names = f"ZZ*{parties[0]:15}*ZZ*{parties[1]:15}"
    head = f"ISA*00*          *00*          *{names}*{day[2:]}*{time}*U*00401*000000007*0*P*>"
    body = [f"ST*{set_id}*0001", *lines, f"SE*{len(lines) + 2}*0001"]
    group_line = f"GS*{group}*{parties[0]}*{parties[1]}*{day}*{time}*7*X*004010"
    return "".join(f"{one}~\n" for one in (head, group_line, *body, "GE*1*7", "IEA*1*000000007")).encode()


def edifact(message: str, text: str, day: str = "260302", to_us: bool = True, version: str = "D:96A:UN") -> bytes:
    """One message in its envelope."""
    parties = "BUYER+SUPPLIER" if to_us else "SUPPLIER+BUYER"
    lines = [line.strip() for line in text.strip().splitlines()]
    body = [
        f"UNB+UNOC:3+{parties}+{day}:0900+R1",
        f"UNH+1+{message}:{version}",
        *lines,
        f"UNT+{len(lines) + 2}+1",
        "UNZ+1+R1",
    ]
    return "".join(f"{one}'\n" for one in body).encode()


ORDER = x12(
    "850",
    "PO",
    """
    BEG*00*SA*PO1**20260302
    DTM*002*20260310
    PO1*1*12*EA*9.95**VP*SKU1*UP*012345678905
    PO1*2*5*CA*20**VP*SKU2
    CTT*2""",
)
CONFIRMED = x12(
    "855",
    "PR",
    """
    BAK*00*AC*PO1*20260302
    PO1*1*12*EA*9.95**VP*SKU1
    ACK*IA*12*EA
    PO1*2*5*CA*20**VP*SKU2
    ACK*IQ*4*CA
    CTT*2""",
    "20260302",
    "1500",
    to_us=False,
)
SHIPPED = x12(
    "856",
    "SH",
    """
    BSN*00*S77*20260306*1200
    HL*1**S
    DTM*011*20260306
    HL*2*1*O
    PRF*PO1
    HL*3*2*P
    HL*4*3*I
    LIN*1*VP*SKU1
    SN1**12*EA
    HL*5*3*I
    LIN*2*VP*SKU2
    SN1**4*CA
    CTT*5""",
    "20260306",
    "1200",
    to_us=False,
)
INVOICED = x12(
    "810",
    "IN",
    """
    BIG*20260307*INV1*20260302*PO1
    IT1*1*12*EA*9.95**VP*SKU1
    IT1*2*4*CA*21**VP*SKU2
    TDS*20340
    CTT*2""",
    "20260307",
    "0800",
    to_us=False,
)
PAID = x12(
    "820",
    "RA",
    """
    BPR*C*200*C*ACH*CCP*01*021000021*DA*1*1912345678**01*021000021*DA*2*20260405
    TRN*1*PAY9
    ENT*1
    RMR*IV*INV1**200*203.40""",
    "20260405",
    "0800",
)
X12_CHAIN = [ORDER, CONFIRMED, SHIPPED, INVOICED, PAID]

EDIFACT_CHAIN = [
    edifact("ORDERS", """
        BGM+220+4711+9
        DTM+137:20260302:102
        DTM+2:20260310:102
        LIN+1++4006381333931:EN
        QTY+21:10
        PRI+AAA:2.50
        LIN+2++4006381333948:EN
        QTY+21:6
        PRI+AAA:4
        UNS+S"""),
    edifact("ORDRSP", """
        BGM+231+R4711+4
        DTM+137:20260303:102
        RFF+ON:4711
        LIN+1+5+4006381333931:EN
        QTY+21:10
        LIN+2+7+4006381333948:EN
        QTY+21:6
        UNS+S""", "260303", to_us=False),
    edifact("DESADV", """
        BGM+351+D1+9
        DTM+137:20260305:102
        DTM+11:20260305:102
        RFF+ON:4711
        CPS+1
        LIN+1++4006381333931:EN
        QTY+12:10""", "260305", to_us=False),
    edifact("INVOIC", """
        BGM+380+V1+9
        DTM+137:20260306:102
        RFF+ON:4711
        LIN+1++4006381333931:EN
        QTY+47:10
        PRI+AAA:2.50
        UNS+S
        MOA+77:25""", "260306", to_us=False),
    edifact("REMADV", """
        BGM+481+P1+9
        DTM+137:20260401:102
        DOC+380+V1
        MOA+12:25
        UNS+S
        MOA+12:25""", "260401"),
]  # fmt: skip
