"""Sound documents of our own, one for each set that mutants are made of: segments from header to trailer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """A document and how it travels. ``version`` is what the group, or the message header, says."""

    name: str
    standard: str
    group: str
    version: str
    segments: tuple[str, ...]

    def content(self, segments: list[str] | None = None, tail: str = "") -> bytes:
        """An interchange that holds ``segments``, or the document as it is; ``tail`` in place of its last segments."""
        body = segments if segments is not None else list(self.segments)
        if self.standard == "edifact":
            head = "UNB+UNOC:3+5412345000013:14+4012345000094:14+240101:1200+REF1"
            return "".join(f"{s}'\n" for s in (head, *body, tail or "UNZ+1+REF1")).encode()
        repetition, version = ("U", "00401") if self.version < "005010" else ("^", "00501")
        parties = "ZZ*SENDER         *ZZ*RECEIVER       "
        head = f"ISA*00*          *00*          *{parties}*240101*1200*{repetition}*{version}*000000001*0*P*:"
        group = f"GS*{self.group}*SENDER*RECEIVER*20240101*1200*1*X*{self.version}"
        return "".join(f"{s}~\n" for s in (head, group, *body, *(tail or "GE*1*1|IEA*1*000000001").split("|"))).encode()


def _sample(name: str, standard: str, group: str, version: str, text: str) -> Sample:
    segments = [line.strip() for line in text.strip().splitlines()]
    mark = "+" if standard == "edifact" else "*"
    trailer = segments[-1].split(mark)
    trailer[1] = str(len(segments))
    return Sample(name, standard, group, version, (*segments[:-1], mark.join(trailer)))


SAMPLES = [
    _sample("850", "x12", "PO", "004010", """
        ST*850*0001
        BEG*00*SA*PO4711**20240215
        CUR*BY*USD
        REF*DP*0099
        PER*BD*JANE*TE*5551234567
        DTM*002*20240215
        N1*BY*ACME*92*0001
        N1*ST*ACME DC*92*0012
        N3*100 MAIN ST*SUITE 4
        N4*SPRINGFIELD*IL*62701
        PO1*1*12*EA*9.95**VP*SKU1*UP*012345678905
        PID*F****BLUE WIDGET
        PO4*12*1*EA
        PO1*2*5*EA*19.95**VP*SKU2
        PID*F****RED WIDGET
        CTT*2
        SE*0*0001"""),
    _sample("810", "x12", "IN", "004010", """
        ST*810*0001
        BIG*20240301*INV100*20240215*PO4711***DI
        CUR*SE*USD
        REF*VN*1234
        N1*RE*WIDGET WORKS*92*77
        N3*1 MILL ROAD
        N4*DAYTON*OH*45402
        N1*ST*ACME DC*92*0012
        ITD*01*3*2**10**30
        DTM*011*20240228
        FOB*PP
        IT1*1*12*EA*9.95**VP*SKU1*UP*012345678905
        PID*F****BLUE WIDGET
        IT1*2*5*EA*19.95**VP*SKU2
        PID*F****RED WIDGET
        TDS*21915
        CAD*M***UPSN*GROUND
        SAC*C*D240***500
        CTT*2
        SE*0*0001"""),
    _sample("856", "x12", "SH", "004010", """
        ST*856*0001
        BSN*00*SH100*20240228*1015*0001
        DTM*011*20240228
        HL*1**S
        TD1*CTN25*3****G*31*LB
        TD5*O*2*UPSN
        TD3*TL*UPSN*1234
        REF*BM*BOL77
        N1*SF*WIDGET WORKS*92*77
        N3*1 MILL ROAD
        N4*DAYTON*OH*45402
        N1*ST*ACME DC*92*0012
        HL*2*1*O
        PRF*PO4711***20240215
        HL*3*2*P
        MAN*GM*00100012345000000017
        HL*4*3*I
        LIN*1*VP*SKU1*UP*012345678905
        SN1*1*12*EA
        PID*F****BLUE WIDGET
        HL*5*2*P
        MAN*GM*00100012345000000024
        HL*6*5*I
        LIN*2*VP*SKU2
        SN1*2*5*EA
        CTT*6
        SE*0*0001"""),
    _sample("837P", "x12", "HC", "005010X222A1", """
        ST*837*0001*005010X222A1
        BHT*0019*00*B100*20240215*1023*CH
        NM1*41*2*CITY BILLING*****46*T100
        PER*IC*MARY*TE*3055550100
        NM1*40*2*GOOD HEALTH*****46*P200
        HL*1**20*1
        PRV*BI*PXC*203BF0100Y
        NM1*85*2*CITY CLINIC*****XX*1234567893
        N3*12 OAK ST
        N4*MIAMI*FL*331110000
        REF*EI*591234567
        PER*IC*BOB*TE*3055550101
        HL*2*1*22*0
        SBR*P*18*G77******CI
        NM1*IL*1*DOE*ANN****MI*M500
        N3*4 ELM ST
        N4*MIAMI*FL*33133
        DMG*D8*19700501*F
        NM1*PR*2*GOOD HEALTH*****PI*P200
        CLM*A77*200***11:B:1*Y*A*Y*Y
        DTP*431*D8*20240201
        REF*D9*D55
        HI*ABK:J020*ABF:R509
        NM1*82*1*WHITE*CARL****XX*1234567893
        PRV*PE*PXC*207Q00000X
        SBR*S*18*G88******CI
        AMT*D*80
        OI***Y***Y
        NM1*IL*1*DOE*ANN****MI*M900
        NM1*PR*2*OTHER PLAN*****PI*P900
        LX*1
        SV1*HC:99213:25*120*UN*1***1:2
        DTP*472*D8*20240205
        REF*6R*L1
        SVD*P900*80*HC:99213**1
        CAS*PR*1*40
        DTP*573*D8*20240210
        LX*2
        SV1*HC:87880*80*UN*1***1
        DTP*472*D8*20240205
        HL*3*1*22*1
        SBR*P********CI
        NM1*IL*1*ROE*SUE****MI*M600
        NM1*PR*2*GOOD HEALTH*****PI*P200
        HL*4*3*23*0
        PAT*19
        NM1*QC*1*ROE*TIM
        N3*9 ELM ST
        N4*MIAMI*FL*33133
        DMG*D8*20120301*M
        CLM*A78*75***11:B:1*Y*A*Y*Y
        HI*ABK:J069
        LX*1
        SV1*HC:99212*75*UN*1***1
        DTP*472*D8*20240206
        SE*0*0001"""),
    _sample("835", "x12", "HP", "005010X221A1", """
        ST*835*0001
        BPR*I*230*C*ACH*CCP*01*111000025*DA*1234567*1512345678**01*111000038*DA*7654321*20240301
        TRN*1*TR100*1512345678
        REF*EV*R1
        DTM*405*20240229
        N1*PR*GOOD HEALTH
        N3*1 PLAN WAY
        N4*TAMPA*FL*336020000
        REF*2U*P200
        PER*BL*DESK*TE*8135550100
        N1*PE*CITY CLINIC*XX*1234567893
        N3*12 OAK ST
        N4*MIAMI*FL*331110000
        LX*1
        CLP*A77*1*200*150*10*12*C900*11*1
        CAS*CO*45*10
        NM1*QC*1*DOE*ANN****MI*M500
        NM1*82*1*WHITE*CARL****XX*1234567893
        REF*EA*MR1
        DTM*232*20240205
        PER*CX*DESK*TE*8135550101
        AMT*AU*190
        SVC*HC:99213*120*90**1
        DTM*472*20240205
        CAS*CO*45*20*
        CAS*PR*3*10
        REF*6R*L1
        AMT*B6*100
        LQ*HE*N130
        SVC*HC:87880*80*70**1
        DTM*472*20240205
        CAS*CO*45*10
        CLP*A78*1*100*90**12*C901*11*1
        CAS*PR*2*10
        NM1*QC*1*ROE*TIM
        SVC*HC:99212*100*100**1
        DTM*472*20240206
        PLB*1234567893*20241231*WO:C1*10
        SE*0*0001"""),
    _sample("834", "x12", "BE", "005010X220A1", """
        ST*834*0001*005010X220A1
        BGN*00*E100*20240215*1023*ET***4
        REF*38*MP1
        DTP*007*D8*20240301
        QTY*TO*2
        N1*P5*ACME INC*FI*591234567
        N1*IN*GOOD HEALTH*FI*599876543
        INS*Y*18*021*20*A***FT
        REF*0F*S100
        REF*1L*G77
        DTP*356*D8*20240301
        NM1*IL*1*DOE*ANN***M*34*123456789
        PER*IP**HP*3055550111
        N3*4 ELM ST
        N4*MIAMI*FL*33133
        DMG*D8*19700501*F
        HLH*N
        HD*021**HLT*P1*EMP
        DTP*348*D8*20240301
        AMT*P3*120.50
        REF*1L*G77
        LX*1
        NM1*P3*1*WHITE*CARL****XX*1234567893*25
        COB*P*X1*5
        REF*60*O1
        NM1*IN*2*OTHER PLAN
        INS*N*19*021*28*A
        REF*0F*S100
        NM1*IL*1*DOE*BOB
        DMG*D8*20100501*M
        HD*021**DEN
        DTP*348*D8*20240301
        SE*0*0001"""),
    _sample("270", "x12", "HS", "005010X279A1", """
        ST*270*0001*005010X279A1
        BHT*0022*13*Q100*20240215*1023
        HL*1**20*1
        NM1*PR*2*GOOD HEALTH*****PI*P200
        HL*2*1*21*1
        NM1*1P*2*CITY CLINIC*****XX*1234567893
        REF*4A*PIN1
        N3*12 OAK ST
        N4*MIAMI*FL*331110000
        HL*3*2*22*1
        TRN*1*T55*9CITYCLINI
        NM1*IL*1*DOE*ANN****MI*M500
        REF*6P*G77
        DMG*D8*19700501*F
        DTP*291*D8*20240215
        EQ*30
        HL*4*3*23*0
        TRN*1*T56*9CITYCLINI
        NM1*03*1*DOE*BOB
        DMG*D8*20100501*M
        INS*N*19
        DTP*291*D8*20240215
        EQ*98
        SE*0*0001"""),
    _sample("ORDERS", "edifact", "", "D96A", """
        UNH+1+ORDERS:D:96A:UN
        BGM+220+PO4711+9
        DTM+137:20240215:102
        FTX+ZZZ+++RING THE BELL
        RFF+CT:A48
        NAD+BY+5412345000013::9
        CTA+OC+:JANE DOE
        COM+5551234:TE
        NAD+SU+4012345000094::9
        CUX+2:EUR:9
        LIN+1++4000000000001:EN
        PIA+1+SKU1:SA
        IMD+F++:::BLUE WIDGET
        QTY+21:5:PCE
        PRI+AAA:9.95
        LIN+2++4000000000002:EN
        QTY+21:7:PCE
        UNS+S
        CNT+2:2
        UNT+0+1"""),
    _sample("INVOIC", "edifact", "", "D96A", """
        UNH+1+INVOIC:D:96A:UN
        BGM+380+INV100+9
        DTM+137:20240301:102
        RFF+ON:PO4711
        DTM+171:20240215:102
        NAD+SU+4012345000094::9
        RFF+VA:DE123456789
        NAD+BY+5412345000013::9
        CUX+2:EUR:4
        PAT+1++5:3:D:30
        LIN+1++4000000000001:EN
        IMD+F++:::BLUE WIDGET
        QTY+47:5:PCE
        MOA+203:49.75
        PRI+AAA:9.95
        TAX+7+VAT+++:::19+S
        LIN+2++4000000000002:EN
        QTY+47:7:PCE
        MOA+203:14
        UNS+S
        CNT+2:2
        MOA+86:75.86
        TAX+7+VAT+++:::19+S
        MOA+124:12.11
        UNT+0+1"""),
    _sample("DESADV", "edifact", "", "D01B", """
        UNH+1+DESADV:D:01B:UN
        BGM+351+DN100+9
        DTM+137:20240228:102
        MEA+PD+AAB+KGM:31
        RFF+ON:PO4711
        DTM+171:20240215:102
        NAD+SF+4012345000094::9
        NAD+DP+5412345000013::9
        TOD+3++CPT
        TDT+20++30+31
        CPS+1
        PAC+3++CT
        CPS+2+1
        PAC+1++CT
        PCI+33E
        GIN+BJ+340123450000000018
        LIN+1++4000000000001:EN
        PIA+1+SKU1:SA
        QTY+12:5:PCE
        LIN+2++4000000000002:EN
        QTY+12:7:PCE
        CNT+2:2
        UNT+0+1"""),
]  # fmt: skip
