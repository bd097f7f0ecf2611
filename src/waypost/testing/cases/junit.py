"""Results as JUnit XML, which build servers read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from waypost.testing.cases.declared import CaseResult

_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(results: Sequence[CaseResult], name: str) -> bytes:
    """One ``testsuite`` a file, one ``testcase`` a case; ``failure`` lists the differences."""
    suites = ElementTree.Element("testsuites", {"name": name, **_counts(results)})
    for file, group in groupby(sorted(results, key=lambda r: (r.file, r.line)), key=lambda r: r.file):
        own = list(group)
        suite = ElementTree.SubElement(suites, "testsuite", {"name": file, **_counts(own)})
        for result in own:
            case = ElementTree.SubElement(
                suite, "testcase", name=_clean(result.name), classname=result.subject, file=result.file,
                line=str(result.line), time=f"{result.seconds:.3f}",
            )  # fmt: skip
            if result.differences:
                told = [_clean(difference) for difference in result.differences]
                ElementTree.SubElement(case, "failure", message=told[0]).text = "\n".join(told)
    ElementTree.indent(suites)
    whole: bytes = ElementTree.tostring(suites, "utf-8", xml_declaration=True)
    return whole + b"\n"


def _counts(results: Sequence[CaseResult]) -> dict[str, str]:
    failed = sum(bool(result.differences) for result in results)
    took = sum(result.seconds for result in results)
    return {"tests": str(len(results)), "failures": str(failed), "errors": "0", "time": f"{took:.3f}"}


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
