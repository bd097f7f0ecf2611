"""A conversation about two patients, of our own making: eligibility, claims, status, attachment, payment.

Every value that may name somebody is a field of ``PEOPLE`` and stands in the texts as ``{name}``.
"""

from __future__ import annotations

from collections.abc import Mapping

PEOPLE: Mapping[str, str] = {
    "provider": "BRIGHTWATER", "provider_given": "OLIVIA", "provider_company": "BRIGHTWATER FAMILY PRACTICE",
    "npi": "1234567893", "ein": "912345678", "provider_street": "77 HARBOUR ROW", "provider_city": "PORTSMOUTH",
    "provider_zip": "038015555", "contact": "MARTHA QUILL", "phone": "6035550147", "fax": "6035550148",
    "email": "MQUILL.BRIGHTWATER.TEST", "surname": "VANDERMEER", "given": "KATHARINA", "middle": "ELSPETH",
    "member": "WXQ900412233", "birth": "19610417", "street": "1204 CINNABAR TERRACE", "city": "EXETERVILLE",
    "zip": "038330412", "ssn": "078051120", "group": "GRPX77120", "claim": "PCN-2026-00417",
    "claim_2": "PCN-2026-00418",
    "record": "MRN5550091", "authorisation": "AUTH884213", "note": "PATIENT KATHARINA FELL AT HOME",
    "payer": "GRANITE MUTUAL", "payer_id": "GM0417765", "trace": "TRC20260417001", "reference": "BATCH0417A",
    "account": "123456789012", "routing": "021000021", "check": "EFT77810045", "payer_claim": "ICN55810042",
    "sender": "BRIGHTWTR01", "receiver": "GRANITECLR1", "child": "THEODORA", "child_birth": "20150922",
    "service": "20260310", "service_2": "20260312", "diagnosis": "S72001A",
}  # fmt: skip

CLAIM = """
ST*837*0417*005010X222A1
BHT*0019*00*{reference}*20260315*0930*CH
NM1*41*2*{provider_company}*****46*{sender}
PER*IC*{contact}*TE*{phone}*FX*{fax}
NM1*40*2*{payer}*****46*{receiver}
HL*1**20*1
PRV*BI*PXC*207Q00000X
NM1*85*1*{provider}*{provider_given}****XX*{npi}
N3*{provider_street}
N4*{provider_city}*NH*{provider_zip}
REF*EI*{ein}
HL*2*1*22*1
SBR*P**{group}******CI
NM1*IL*1*{surname}*{given}*{middle}***MI*{member}
N3*{street}
N4*{city}*NH*{zip}
DMG*D8*{birth}*F
REF*SY*{ssn}
NM1*PR*2*{payer}*****PI*{payer_id}
HL*3*2*23*0
PAT*19
NM1*QC*1*{surname}*{child}
N3*{street}
N4*{city}*NH*{zip}
DMG*D8*{child_birth}*F
CLM*{claim}*350***11:B:1*Y*A*Y*Y
DTP*431*D8*{service}
PWK*OZ*EL***AC*{trace}
REF*G1*{authorisation}
REF*EA*{record}
NTE*ADD*{note}
HI*ABK:{diagnosis}
NM1*82*1*{provider}*{provider_given}****XX*{npi}
LX*1
SV1*HC:99213*200*UN*1***1
DTP*472*D8*{service}
REF*6R*L1
LX*2
SV1*HC:73502*150*UN*1***1
DTP*472*D8*{service_2}
REF*6R*L2
NTE*ADD*{note}
CLM*{claim_2}*80***11:B:1*Y*A*Y*Y
HI*ABK:{diagnosis}
LX*1
SV1*HC:99212*80*UN*1***1
DTP*472*D8*{service_2}
SE*?*0417
"""

CLAIM_ACKNOWLEDGED = """
ST*277*0501*005010X214
BHT*0085*08*CLAIMACK9*20260316*1015*TH
HL*1**20*1
NM1*PR*2*{payer}*****46*{receiver}
TRN*1*{trace}
DTP*050*D8*20260315
DTP*009*D8*20260316
HL*2*1*21*1
NM1*41*2*{provider_company}*****46*{sender}
TRN*2*{reference}
STC*A1:19:PR*20260316*WQ*430
QTY*90*2
AMT*YU*430
HL*3*2*19*1
NM1*85*1*{provider}*{provider_given}****XX*{npi}
TRN*1*0
HL*4*3*PT
NM1*QC*1*{surname}*{child}****MI*{member}
TRN*2*{claim}
STC*A2:20:PR*20260316*WQ*350
REF*1K*{payer_claim}
DTP*472*RD8*{service}-{service_2}
HL*5*3*PT
NM1*QC*1*{surname}*{child}****MI*{member}
TRN*2*{claim_2}
STC*A3:21:PR*20260316*U*80
DTP*472*D8*{service_2}
SE*?*0501
"""

STATUS_ASKED = """
ST*276*0601*005010X212
BHT*0010*13*ASK0001*20260401*0900
HL*1**20*1
NM1*PR*2*{payer}*****PI*{payer_id}
HL*2*1*21*1
NM1*41*2*{provider_company}*****46*{sender}
HL*3*2*19*1
NM1*1P*1*{provider}*{provider_given}****XX*{npi}
HL*4*3*22*0
DMG*D8*{birth}*F
NM1*IL*1*{surname}*{given}****MI*{member}
TRN*1*{trace}
REF*EJ*{claim}
AMT*T3*350
DTP*472*RD8*{service}-{service_2}
SE*?*0601
"""

STATUS_TOLD = """
ST*277*0701*005010X212
BHT*0010*08*ASK0001*20260401*0905*DG
HL*1**20*1
NM1*PR*2*{payer}*****PI*{payer_id}
HL*2*1*21*1
NM1*41*2*{provider_company}*****46*{sender}
HL*3*2*19*1
NM1*1P*1*{provider}*{provider_given}****XX*{npi}
HL*4*3*22*0
NM1*IL*1*{surname}*{given}****MI*{member}
TRN*2*{trace}
STC*F1:65*20260401**350*210*20260405**20260405*{check}
REF*1K*{payer_claim}
REF*EJ*{claim}
DTP*472*RD8*{service}-{service_2}
SE*?*0701
"""

PAYMENT = """
ST*835*0801
BPR*I*210*C*ACH*CCP*01*{routing}*DA*{account}*1{ein}**01*{routing}*DA*{account}*20260405
TRN*1*{check}*1{ein}
DTM*405*20260404
N1*PR*{payer}
N3*{provider_street}
N4*{provider_city}*NH*{provider_zip}
PER*BL*{contact}*TE*{phone}
N1*PE*{provider_company}*XX*{npi}
REF*TJ*{ein}
LX*1
CLP*{claim}*1*350*210*40*12*{payer_claim}*11*1
NM1*QC*1*{surname}*{child}****MI*{member}
NM1*82*1*{provider}*{provider_given}****XX*{npi}
REF*EA*{record}
DTM*232*{service}
DTM*233*{service_2}
SVC*HC:99213*200*130**1
DTM*472*{service}
CAS*CO*45*30
CAS*PR*2*40
REF*6R*L1
SVC*HC:73502*150*80**1
DTM*472*{service_2}
CAS*CO*45*20*1*97*50
REF*6R*L2
CLP*{claim_2}*4*80*0**12*{payer_claim}X*11*1
NM1*QC*1*{surname}*{child}****MI*{member}
SVC*HC:99212*80*0**1
DTM*472*{service_2}
CAS*CO*29*80
SE*?*0801
"""

ELIGIBILITY_ASKED = """
ST*270*0101*005010X279A1
BHT*0022*13*ELG0001*20260309*1200
HL*1**20*1
NM1*PR*2*{payer}*****PI*{payer_id}
HL*2*1*21*1
NM1*1P*1*{provider}*{provider_given}****XX*{npi}
HL*3*2*22*0
TRN*1*{trace}*9{ein}
NM1*IL*1*{surname}*{given}****MI*{member}
DMG*D8*{birth}*F
DTP*291*D8*{service}
EQ*30
SE*?*0101
"""

ELIGIBILITY_TOLD = """
ST*271*0201*005010X279A1
BHT*0022*11*ELG0001*20260309*1201
HL*1**20*1
NM1*PR*2*{payer}*****PI*{payer_id}
HL*2*1*21*1
NM1*1P*1*{provider}*{provider_given}****XX*{npi}
HL*3*2*22*0
TRN*2*{trace}*9{ein}
NM1*IL*1*{surname}*{given}****MI*{member}
N3*{street}
N4*{city}*NH*{zip}
DMG*D8*{birth}*F
DTP*346*D8*20260101
EB*1**30
MSG*{note}
SE*?*0201
"""

ENROLMENT = """
ST*834*0301*005010X220A1
BGN*00*{reference}*20260101*0900****4
REF*38*{group}
N1*P5*{provider_company}*FI*{ein}
N1*IN*{payer}*FI*{payer_id}
INS*Y*18*021*20*A***FT
REF*0F*{member}
REF*1L*{group}
DTP*356*D8*20260101
NM1*IL*1*{surname}*{given}****34*{ssn}
PER*IP**TE*{phone}*EM*{email}
N3*{street}
N4*{city}*NH*{zip}
DMG*D8*{birth}*F
HD*021**HLT
DTP*348*D8*20260101
SE*?*0301
"""

ATTACHMENT = """
ST*275*0901*005010X210
BGN*02*{reference}*20260316
NM1*PR*2*{payer}*****PI*{payer_id}
NM1*41*2*{provider_company}*****46*{sender}
NM1*1P*1*{provider}*{provider_given}****XX*{npi}
NM1*QC*1*{surname}*{child}****MI*{member}
REF*EJ*{claim}
REF*1K*{payer_claim}
DTP*472*D8*{service}
LX*1
TRN*1*{trace}
DTP*368*D8*20260316
CAT*AE*HL
EFI*05
BIN*{size}*{report}
SE*?*0901
"""

CONVERSATION: Mapping[str, tuple[str, str, str]] = {
    "270": ("HS", "005010X279A1", ELIGIBILITY_ASKED), "271": ("HB", "005010X279A1", ELIGIBILITY_TOLD),
    "837": ("HC", "005010X222A1", CLAIM), "277CA": ("HN", "005010X214", CLAIM_ACKNOWLEDGED),
    "276": ("HR", "005010X212", STATUS_ASKED), "277": ("HN", "005010X212", STATUS_TOLD),
    "835": ("HP", "005010X221A1", PAYMENT), "275": ("PI", "005010X210", ATTACHMENT),
    "834": ("BE", "005010X220A1", ENROLMENT),
}  # fmt: skip
"""Group, version and text of each message."""


def interchange(name: str, people: Mapping[str, str] = PEOPLE, number: int = 417) -> bytes:
    """The interchange of one message of the conversation."""
    group, version, text = CONVERSATION[name]
    report = f"PID|1||{people['record']}||{people['surname']}^{people['child']}"
    text = text.format_map({**people, "report": report, "size": str(len(report))})
    return enveloped(group, version, text, people, number)


def enveloped(group: str, version: str, text: str, people: Mapping[str, str] = PEOPLE, number: int = 417) -> bytes:
    """Lines as segments in an envelope; the ``?`` of SE is how many they are."""
    lines = text.strip().splitlines()
    lines[-1] = lines[-1].replace("?", str(len(lines)))
    parties = f"ZZ*{people['sender']:15}*ZZ*{people['receiver']:15}"
    head = f"ISA*00*          *00*          *{parties}*260315*0930*^*00501*{number:09}*0*P*:"
    start = f"GS*{group}*{people['sender']}*{people['receiver']}*20260315*0930*{number}*X*{version}"
    return "".join(f"{one}~\n" for one in (head, start, *lines, f"GE*1*{number}", f"IEA*1*{number:09}")).encode()
